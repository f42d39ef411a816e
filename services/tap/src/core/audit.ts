import { type Selector, View } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { isSecret, SECRET_HEADERS } from "@patchbay/rules";

const VIEWS: ReadonlyMap<View, string> = new Map([
  [View.INBOUND, "inbound"],
  [View.OUTBOUND, "outbound"],
  [View.BOTH, "both"],
]);

/** What a tap has asked for, for a log that is kept: nothing in it is a secret. */
export function describeSelector(selector: Selector): string {
  const { target, source, method, path, status, when: where, sample, view, showQuery } = selector;
  const headers = Object.entries(selector.headers).map(([name, value]) => (value === "" ? name : `${name}:${value}`));
  const parts: readonly (readonly [string, string])[] = [
    ["target", target],
    ["source", source],
    ["method", method],
    ["path", path],
    ["status", status],
    ["headers", headers.join(",")],
    ["where", withoutSecrets(where)],
    ["sample", sample === 0 ? "" : String(sample)],
    ["view", VIEWS.get(view) ?? ""],
    ["show_headers", selector.showHeaders.join(",")],
    ["show_query", showQuery ? "yes" : ""],
  ];
  return parts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

/** Who names a secret header may have written its value beside it. */
function withoutSecrets(where: string): string {
  const text = where.toLowerCase().replaceAll("_", "-");
  if (![...SECRET_HEADERS].some((name) => text.includes(name))) return where;
  return where.replace(/(["'])((?:\\.|(?!\1).)*)\1/g, (literal, _quote, value: string) =>
    isSecret(value) ? literal : '"…"',
  );
}
