import type { DecisionHook } from "@patchbay/model";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { EventName } from "../model/events.ts";
import { createSeconds } from "./seconds.ts";

/** The Prometheus metrics that every plugin serves. */
export interface PluginMetrics {
  text(): Promise<string>;
  answered(kind: string): void;
  mistaken(): void;
  refused(): void;
  opened(change: 1 | -1): void;
  handled(name: EventName, outcome: string, tookMs: number): void;
  /** `outcome` is the answer's kind, "failed" or "late". */
  decided(hook: DecisionHook, outcome: string, tookMs: number): void;
  floating(): void;
}

/** Labels of the metrics, and values that are read at each scrape. */
export interface MetricsOptions {
  readonly name: string;
  readonly version: string;
  readonly ready: () => boolean;
  readonly eventsInFlight: () => number;
}

/** Each plugin has its own registry, so that one process can run several. */
export function createPluginMetrics(options: MetricsOptions): PluginMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ plugin: options.name });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: "mesh_plugin_info",
    help: "1, with the plugin's version.",
    labelNames: ["version"],
    registers,
  }).set({ version: options.version }, 1);
  gauge(registry, {
    name: "mesh_plugin_ready",
    help: "1 while the plugin says that it is ready.",
    read: () => Number(options.ready()),
  });
  gauge(registry, {
    name: "mesh_plugin_events_in_flight",
    help: "Event handlers that are running.",
    read: options.eventsInFlight,
  });
  const answers = new Counter({
    name: "mesh_plugin_answers_total",
    help: "Answers to authorities, by kind.",
    labelNames: ["kind"],
    registers,
  });
  const mistakes = new Counter({
    name: "mesh_plugin_resolve_failures_total",
    help: "Streams that the resolver broke by a throw or a wrong answer.",
    registers,
  });
  const refused = new Counter({
    name: "mesh_plugin_hooks_refused_total",
    help: "Hook calls without the mesh's proof.",
    registers,
  });
  const open = new Gauge({
    name: "mesh_plugin_watched_authorities",
    help: "Authorities that the mesh watches here.",
    registers,
  });
  const floating = new Counter({
    name: "mesh_plugin_unawaited_rejections_total",
    help: "Unhandled rejections of promises.",
    registers,
  });
  const events = createSeconds({
    name: "mesh_plugin_event_seconds",
    help: "Time in the event's handler, by outcome.",
    label: "event",
    plugin: options.name,
  });
  const decisions = createSeconds({
    name: "mesh_plugin_decision_seconds",
    help: "Time to the hook's answer, by outcome.",
    label: "hook",
    plugin: options.name,
  });
  return {
    text: async () => `${await registry.metrics()}${events.text()}${decisions.text()}`,
    answered: (kind) => answers.inc({ kind }),
    mistaken: () => mistakes.inc(),
    refused: () => refused.inc(),
    opened: (change) => open.inc(change),
    handled: (event, outcome, tookMs) => events.observe(event, outcome, tookMs / 1_000),
    decided: (hook, outcome, tookMs) => decisions.observe(hook, outcome, tookMs / 1_000),
    floating: () => floating.inc(),
  };
}

interface GaugeSpec {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

function gauge(registry: Registry, { name, help, read }: GaugeSpec): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
