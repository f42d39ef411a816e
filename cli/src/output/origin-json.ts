import type { Origin } from "@patchbay/proto/mesh/common/v1/origin_pb";

/** The stable form for scripts: `{ "file", "line" }`, or `{ "kind", "namespace", "name", "field" }`. */
export function originJson(origin: Origin | undefined): object | undefined {
  const source = origin?.source;
  if (source?.case === "file") return { file: source.value.path, line: source.value.line };
  if (source?.case !== "object") return undefined;
  const { kind, namespace, name, field } = source.value;
  return { kind, namespace, name, field };
}
