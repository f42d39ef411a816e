import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { kindName, type Proven } from "../core/announce/claim.ts";
import { Refusal } from "../core/announce/refusal.ts";

const everything: readonly Kind[] = [Kind.CORE, Kind.PROXY, Kind.PLUGIN];

/**
 * The kinds that a caller sees of those that it asks for (none: all that it may see). Core services and operators see everything,
 * proxies and plugins only where the core is.
 */
export function visibleKinds(caller: Proven, asked: readonly Kind[]): ReadonlySet<Kind> {
  const allowed = caller.kind === "core" || caller.kind === "operator" ? everything : [Kind.CORE];
  const refused = asked.find((kind) => !allowed.includes(kind));
  if (refused === undefined) return new Set(asked.length > 0 ? asked : allowed);
  const names = allowed.map(kindName).join(", ");
  throw new Refusal(
    "denied",
    `${caller.kind} "${caller.name}" may not see registrations of kind ${kindName(refused)}; allowed: ${names}`,
  );
}

/** Whether a registration with this id ("kind/…") is of one of the kinds. */
export function ofKinds(kinds: ReadonlySet<Kind>): (id: string) => boolean {
  const prefixes = new Set([...kinds].map(kindName));
  return (id) => prefixes.has(id.slice(0, id.indexOf("/")));
}
