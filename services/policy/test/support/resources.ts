import { problemText } from "@patchbay/model";
import { API_VERSION, createParser, type Resource } from "@patchbay/runtime";
import { KINDS } from "../../src/core/kinds.ts";

const parse = createParser(KINDS);

/** One YAML document; JSON is YAML. `name` may be "namespace/name". */
export function yaml(kind: string, name: string, spec: object, metadata: object = {}): string {
  const [own = "", namespace = "default"] = name.split("/").reverse();
  const apiVersion = KINDS.find((each) => each.kind === kind)?.apiVersion ?? API_VERSION;
  const resource = { apiVersion, kind, metadata: { name: own, namespace, ...metadata }, spec };
  return `${JSON.stringify(resource, undefined, 1)}\n---\n`;
}

/** Resources of one file's text; fails when something is wrong with it. */
export function resources(...documents: readonly string[]): readonly Resource[] {
  const found = parse("a.yaml", documents.join(""));
  if (found.problems.length > 0) throw new Error(found.problems.map(problemText).join("\n"));
  return found.resources;
}

/** What is wrong with one document, without its file and line. */
export function problems(kind: string, spec: object): readonly string[] {
  const found = parse("a.yaml", yaml(kind, "x", spec)).problems;
  return found.map(({ message, hint }) => (hint ? `${message} (${hint})` : message));
}

/** "users.default.svc.cluster.local" */
export function host(name: string, namespace = "default"): string {
  return `${name}.${namespace}.svc.cluster.local`;
}
