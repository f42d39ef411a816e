import { Counter, Gauge, type Registry } from "prom-client";
import type { Watches } from "./engine/watches.ts";

export interface Metrics {
  readonly updatesSent: Counter;
  readonly stuckReaders: Counter;
  readonly violations: Counter<"resolver" | "rule">;
  readonly eventsPublished: Counter;
  readonly eventsDropped: Counter<"reason">;
}

export function createMetrics(registry: Registry, watches: () => Watches): Metrics {
  const registers = [registry];
  new Gauge({
    name: "destination_watched_authorities",
    help: "Authorities that are kept resolved.",
    registers,
    collect() {
      this.set(watches().count().authorities);
    },
  });
  new Gauge({
    name: "destination_streams",
    help: "Clients that watch an authority, one for each authority that they watch.",
    registers,
    collect() {
      this.set(watches().count().subscribers);
    },
  });
  new Gauge({
    name: "destination_resolver_queries",
    help: "Authorities that a resolver is being asked for.",
    labelNames: ["resolver"],
    registers,
    collect() {
      this.reset();
      for (const { resolver, watched } of watches().resolvers()) this.set({ resolver: resolver.spec.name }, watched);
    },
  });
  return counters(registers);
}

function counters(registers: Registry[]): Metrics {
  return {
    updatesSent: new Counter({
      name: "destination_updates_sent_total",
      help: "Updates written to streams.",
      registers,
    }),
    stuckReaders: new Counter({
      name: "destination_stuck_readers_total",
      help: "Streams that were closed because their reader took nothing.",
      registers,
    }),
    violations: new Counter({
      name: "destination_answer_violations_total",
      help: "Answers of plugins that broke a rule and counted as failed.",
      labelNames: ["resolver", "rule"],
      registers,
    }),
    eventsPublished: new Counter({
      name: "destination_events_published_total",
      help: "Endpoint events stored.",
      registers,
    }),
    eventsDropped: new Counter({
      name: "destination_events_dropped_total",
      help: "Endpoint events that were not stored.",
      labelNames: ["reason"],
      registers,
    }),
  };
}
