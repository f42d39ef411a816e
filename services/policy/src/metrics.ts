import { Counter, Gauge, type Registry } from "prom-client";

/** What this service counts of itself. */
export interface Metrics {
  readonly pushes: Counter;
  readonly acks: Counter;
  readonly refusals: Counter;
  readonly stuckReaders: Counter;
}

export interface Measured {
  /** Kinds of all resources in force. */
  kinds(): readonly string[];
  subscribers(): number;
  problems(): number;
}

export function createMetrics(registry: Registry, measured: Measured): Metrics {
  const registers = [registry];
  new Gauge({
    name: "policy_resources",
    help: "Resources in force.",
    labelNames: ["kind"],
    registers,
    collect() {
      this.reset();
      for (const kind of measured.kinds()) this.inc({ kind });
    },
  });
  new Gauge({
    name: "policy_file_problems",
    help: "Places in files that are wrong; the files' last good versions are in force.",
    registers,
    collect() {
      this.set(measured.problems());
    },
  });
  new Gauge({
    name: "policy_followers",
    help: "Proxies that receive snapshots.",
    registers,
    collect() {
      this.set(measured.subscribers());
    },
  });
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  return {
    pushes: counter("policy_snapshots_pushed_total", "Snapshots on their way to proxies."),
    acks: counter("policy_acks_total", "Snapshots that proxies enforce."),
    refusals: counter("policy_refusals_total", "Snapshots that proxies refused."),
    stuckReaders: counter("policy_stuck_readers_total", "Streams that were closed because their reader took nothing."),
  };
}
