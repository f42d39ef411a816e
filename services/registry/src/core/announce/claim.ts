import { type Announce, Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { Refusal } from "./refusal.ts";

/** What the bearer of a token has been proven to be. */
export interface Proven {
  readonly kind: "core" | "proxy" | "plugin" | "operator";
  readonly namespace: string;
  readonly name: string;
  readonly instance: string;
}

const KIND_NAMES: ReadonlyMap<Kind, Proven["kind"]> = new Map([
  [Kind.CORE, "core"],
  [Kind.PROXY, "proxy"],
  [Kind.PLUGIN, "plugin"],
]);

/** "core", "proxy" or "plugin". */
export function kindName(kind: Kind): string {
  return KIND_NAMES.get(kind) ?? "unspecified";
}

/** "kind/namespace/name/instance", kind in lower case. */
export function registrationId({ kind, namespace, name, instance }: Announce): string {
  return `${kindName(kind)}/${namespace}/${name}/${instance}`;
}

/** Throws PERMISSION_DENIED unless the announcement names exactly what the token proves. */
export function checkClaim(proven: Proven, announce: Announce): void {
  const proof = `${proven.kind}/${proven.namespace}/${proven.name}/${proven.instance}`;
  const claim = registrationId(announce);
  if (proof === claim) return;
  throw new Refusal(
    "denied",
    `the token proves ${proof}, the announcement says ${claim}; announce what the token proves, or get a token for that name`,
  );
}
