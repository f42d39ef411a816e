import { pause } from "@patchbay/model";
import { type EventBus, type EventClass, type ReplayedEvent, STREAMS } from "@patchbay/wire";
import { Command, Option } from "commander";
import { connectMesh } from "../../connect.ts";
import { connectBus } from "../../event-bus.ts";
import { type OutputOption, outputOption, print, printJsonLine } from "../../output/output.ts";
import { parseTime } from "../../parse-options.ts";
import { listenForStop } from "../../stop-request.ts";
import { describeEvent, eventJson } from "./event-text.ts";

interface EventsOptions extends OutputOption {
  readonly follow?: true;
  readonly class?: EventClass;
  readonly since?: number;
}

const CLASSES: readonly EventClass[] = ["report", "endpoint", "plugin", "slo"];
const DEFAULT_SINCE_SECONDS = 300;
const POLL_MS = 300;

export function eventsCommand(): Command {
  return new Command("events")
    .description("the events that plugins can receive")
    .option("-f, --follow", "go on with new ones until Ctrl-C")
    .addOption(new Option("-c, --class <class>", "only one class").choices(CLASSES))
    .option("--since <time>", "how far back to begin (default: 5m; with --follow: now)", parseTime)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh events --follow
  mesh events --class plugin --since 1h
  mesh events --follow -o json | jq 'select(.class == "endpoint")'

Reads the streams themselves, beside all plugins and without touching what waits
for them. With -o json one object a line.`,
    )
    .action(events);
}

async function events(options: EventsOptions): Promise<void> {
  using mesh = await connectMesh();
  const bus = await connectBus(mesh.stateDir);
  const { signal } = listenForStop();
  const seconds = options.since ?? (options.follow ? 0 : DEFAULT_SINCE_SECONDS);
  const since = Date.now() - seconds * 1_000;
  try {
    const wanted = options.class ? [options.class] : CLASSES;
    await Promise.all(wanted.map((eventClass) => show(bus, { eventClass, since, signal, options })));
  } finally {
    await bus.close();
  }
}

interface Showing {
  readonly eventClass: EventClass;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly signal: AbortSignal;
  readonly options: EventsOptions;
}

/** Reads on from the last event seen, again and again when following. */
async function show(bus: EventBus, { eventClass, since, signal, options }: Showing): Promise<void> {
  let seen = 0;
  let from = since;
  const onMessage = (event: ReplayedEvent): void => {
    if (event.seq <= seen) return;
    seen = event.seq;
    from = event.time;
    if (options.output === "json") printJsonLine(eventJson(eventClass, event));
    else print(describeEvent(eventClass, event));
  };
  do {
    try {
      await bus.replay({ stream: STREAMS[eventClass], since: new Date(from), onMessage, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (options.follow) await pause(POLL_MS, signal);
  } while (options.follow && !signal.aborted);
}
