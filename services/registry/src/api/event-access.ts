import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { EventInterest, NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { Credentials, PluginName } from "../sources/credentials.ts";

/** A plugin's credentials for events, kept good for as long as its stream lives. */
export interface EventAccess {
  /** For these classes; undefined when there are none to consume. */
  issue(interests: readonly EventInterest[]): Promise<NatsConnection | undefined>;
  /**
   * New ones when half of their life is over, when there were none to be had before, or when forced.
   * Undefined when there is nothing new to tell; who has credentials keeps them while better ones are not to be had.
   */
  renew(force: boolean): Promise<NatsConnection | undefined>;
}

export interface EventAccessOptions {
  readonly credentials: Credentials;
  readonly plugin: PluginName;
  /** Milliseconds since the epoch. */
  now(): number;
}

export function createEventAccess({ credentials, plugin, now }: EventAccessOptions): EventAccess {
  let interests: readonly EventInterest[] = [];
  let held: NatsConnection | undefined;
  let renewAt = 0;
  const hold = (connection: NatsConnection): NatsConnection => {
    held = connection;
    renewAt = connection.expires ? (now() + timestampMs(connection.expires)) / 2 : 0;
    return connection;
  };
  return {
    async issue(asked) {
      interests = asked;
      held = undefined;
      return asked.length > 0 ? hold(await credentials.issue(plugin, asked)) : undefined;
    },
    async renew(force) {
      const before = held;
      if (!before || (!force && now() < renewAt)) return undefined;
      const fresh = await credentials.issue(plugin, interests);
      const nothingBetter =
        fresh.unavailable !== "" && (before.unavailable === "" || before.unavailable === fresh.unavailable);
      return nothingBetter ? undefined : hold(fresh);
    },
  };
}
