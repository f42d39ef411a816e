import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { PluginStateChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { cloudEventHeaders, type EventBus, type Log, pluginSubject } from "@patchbay/wire";
import { consumerName } from "../core/plugins/plugin-access.ts";
import type { Transitioned } from "../core/replicas/changes.ts";

const TYPE = "dev.patchbay.plugin.state.v1";
const SOURCE = "/mesh/registry";
const MAX_WAITING = 1_024;

/** Publishes the states that plugins enter, in order. While NATS is away they wait; when too many do, the oldest go and are counted. */
export interface PluginEvents {
  push(transitions: readonly Transitioned[]): void;
  dropped(): number;
  stop(): void;
}

export interface PluginEventsOptions {
  events(): Promise<EventBus>;
  readonly replica: string;
  readonly log: Log;
}

export function createPluginEvents({ events, replica, log }: PluginEventsOptions): PluginEvents {
  const waiting: Transitioned[] = [];
  const stopping = new AbortController();
  const backoff = createBackoff({ minMs: 100, maxMs: 2_000 });
  let sent = 0;
  let dropped = 0;
  let running = false;

  const sendFirst = async (): Promise<void> => {
    const [first] = waiting;
    if (!first) return;
    try {
      await (await events()).publish(toEvent(first, `${replica}-${sent}`));
      sent += 1;
      if (waiting[0] === first) waiting.shift();
      backoff.reset();
    } catch (error) {
      log.debug({ reason: errorMessage(error) }, "a plugin's state could not be published yet");
      await pause(backoff.next(), stopping.signal);
    }
  };
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    while (waiting.length > 0 && !stopping.signal.aborted) await sendFirst();
    running = false;
  };
  return {
    push(transitions) {
      waiting.push(...transitions.filter(({ announce }) => announce.kind === Kind.PLUGIN));
      const excess = Math.max(0, waiting.length - MAX_WAITING);
      waiting.splice(0, excess);
      dropped += excess;
      void run();
    },
    dropped: () => dropped,
    stop: () => stopping.abort(),
  };
}

function toEvent({ announce, state, previous, reason, at }: Transitioned, id: string) {
  const { name, namespace, instance, version } = announce;
  const subject = pluginSubject(consumerName(namespace, name));
  const changed = create(PluginStateChangedSchema, {
    name,
    instance,
    version,
    state,
    previous,
    reason,
    at: timestampFromMs(at),
  });
  const headers = cloudEventHeaders({ id, source: SOURCE, type: TYPE, time: new Date(at), subject: name });
  return { subject, id, headers, data: toBinary(PluginStateChangedSchema, changed) };
}
