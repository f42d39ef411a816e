import type { DecisionHook } from "@patchbay/model";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { EventName } from "../model/events.ts";
import { createSeconds } from "./seconds.ts";

/** What every plugin tells Prometheus about itself without its author's doing. */
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

/** Whose metrics they are, and what is read when somebody asks. */
export interface MetricsOptions {
  readonly name: string;
  readonly version: string;
  readonly ready: () => boolean;
  readonly eventsInFlight: () => number;
}

/** Each plugin has a registry of its own, so that several may live in one process. */
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
    help: "Promises that were rejected and nobody awaited.",
    registers,
  });
  const events = createSeconds({
    name: "mesh_plugin_event_seconds",
    help: "Time in the event's handler, by what became of the event.",
    label: "event",
    plugin: options.name,
  });
  const decisions = createSeconds({
    name: "mesh_plugin_decision_seconds",
    help: "Time to the hook's answer, by what it was.",
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
