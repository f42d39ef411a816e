import { type Breaker, createBreaker } from "@patchbay/model";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createPluginChannel, type PluginChannel, type PluginChannelOptions } from "../channel/plugin-channel.ts";
import { type InstanceUse, useOf } from "./instance-use.ts";

/** One running instance of a plugin, and the connection to it. The same object as long as it is registered at its address. */
export interface PluginInstance {
  readonly id: string;
  readonly use: InstanceUse;
  /** Why the registry says so. */
  readonly reason: string;
  readonly registration: Registration;
  readonly breaker: Breaker;
  readonly channel: PluginChannel;
}

/** What the directory changes of an instance. */
export interface KnownInstance extends PluginInstance {
  /** Takes over the registration; true when the use has changed. */
  update(registration: Registration): boolean;
  /** It is no longer registered. */
  forget(): void;
}

export type InstanceOptions = Omit<PluginChannelOptions, "address">;

/** Failures in a row that open the breaker, and for how long it stays open. */
const BREAKER = { threshold: 5, minMs: 250, maxMs: 5_000 };

export function createPluginInstance(registration: Registration, options: InstanceOptions): KnownInstance {
  const { instance: id = "", address = "" } = registration.announce ?? {};
  const breaker = createBreaker(BREAKER);
  let now = { use: useOf(registration), reason: registration.reason, registration };
  return {
    id,
    breaker,
    channel: createPluginChannel({ ...options, address }),
    get use() {
      return now.use;
    },
    get reason() {
      return now.reason;
    },
    get registration() {
      return now.registration;
    },
    update(next) {
      const before = now.use;
      now = { use: useOf(next), reason: next.reason, registration: next };
      // The registry has just reached it, so earlier failures no longer count.
      if (now.use === "ready" && before !== "ready") breaker.succeeded();
      return now.use !== before;
    },
    forget() {
      now = { ...now, use: "left", reason: "it is no longer registered" };
    },
  };
}
