/** What stands in a label for what was folded together because of a limit on cardinality. */
export const OVERFLOW = "overflow";
/** Source of requests whose sender proved nothing. */
export const UNKNOWN = "unknown";

/** A service as rows name it: "users" in namespace "default", else "users.demo", from "namespace/name". */
export function shortName(reporter: string): string {
  const slash = reporter.indexOf("/");
  const namespace = slash < 0 ? "default" : reporter.slice(0, slash);
  const name = reporter.slice(slash + 1);
  return namespace === "default" ? name : `${name}.${namespace}`;
}
