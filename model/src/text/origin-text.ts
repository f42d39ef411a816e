import type { FileOrigin, ObjectOrigin, Origin } from "@patchbay/proto/mesh/common/v1/origin_pb";

/** "services.yaml:12", which editors jump to, or "HTTPRoute shop/cart spec.rules[0]". */
export function originText(origin: Origin | undefined): string {
  const source = origin?.source;
  if (source?.case === "file") return fileText(source.value);
  return source?.case === "object" ? objectText(source.value) : "";
}

function fileText({ path, line }: FileOrigin): string {
  return line === 0 ? path : `${path}:${line}`;
}

function objectText({ kind, namespace, name, field }: ObjectOrigin): string {
  return [kind, `${namespace}/${name}`, field].filter((part) => part !== "").join(" ");
}

interface SaidOfOrigin {
  readonly origin?: Origin | undefined;
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
}

/** "services.yaml:12: spec.endpoints[0].port must be <= 65535 (hint)" */
export function problemText({ origin, message, hint }: SaidOfOrigin): string {
  const where = originText(origin);
  return `${where === "" ? "" : `${where}: `}${message}${hint === "" ? "" : ` (${hint})`}`;
}
