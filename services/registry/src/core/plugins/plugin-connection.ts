import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { EventInterest } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { Proven } from "../announce/claim.ts";

/** The event classes for which a proven caller may connect to NATS; throws with the reason when it may not at all. */
export function pluginConnection(
  registrations: { get(id: string): Registration | undefined },
  { kind, namespace, name, instance }: Proven,
): readonly EventInterest[] {
  if (kind !== "plugin") throw new Error(`only plugins connect with a token; this one proves ${kind} "${name}"`);
  const registration = registrations.get(`plugin/${namespace}/${name}/${instance}`);
  if (!registration) throw new Error(`plugin "${name}" (${instance}) is not registered; it must announce itself first`);
  if (registration.state === State.GONE)
    throw new Error(`the registration of plugin "${name}" (${instance}) is gone: ${registration.reason}`);
  if (registration.state === State.QUARANTINED)
    throw new Error(`plugin "${name}" is quarantined: ${registration.reason}`);
  const events = registration.grant?.events ?? [];
  if (events.length === 0) throw new Error(`plugin "${name}" is granted no event class`);
  return events;
}
