import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { Counter, Gauge, type Registry } from "prom-client";
import { kindName } from "./core/announce/claim.ts";
import { stateName } from "./core/lease/state-name.ts";
import type { Directory } from "./core/replicas/directory.ts";

/** What the registry counts. */
export interface RegistryMetrics {
  calloutRefused(): void;
  deadLetter(letter: { readonly consumer: string; readonly class: string }): void;
}

export interface MetricsOptions {
  readonly register: Registry;
  readonly directory: Directory;
  readonly streams: () => number;
  readonly replicas: () => number;
  readonly eventsDropped: () => number;
}

export function createRegistryMetrics(options: MetricsOptions): RegistryMetrics {
  const { directory } = options;
  const registers = [options.register];
  new Gauge({
    name: "mesh_registry_registrations",
    help: "Registrations that are visible, by kind and state.",
    labelNames: ["kind", "state"],
    registers,
    collect() {
      this.reset();
      for (const { announce, state } of directory.list()) {
        this.inc({ kind: kindName(announce?.kind ?? Kind.UNSPECIFIED), state: stateName(state) });
      }
    },
  });
  const gauges = [
    { name: "mesh_registry_watchers", help: "Open Watch streams.", value: directory.watchers },
    { name: "mesh_registry_leases", help: "Register streams that hold a registration.", value: options.streams },
    { name: "mesh_registry_other_replicas", help: "Other replicas that are alive.", value: options.replicas },
    {
      name: "mesh_registry_plugin_events_dropped",
      help: "States of plugins that were never published.",
      value: options.eventsDropped,
    },
  ];
  for (const { name, help, value } of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  }
  const refused = new Counter({
    name: "mesh_registry_callout_refused_total",
    help: "Connections to NATS that were refused.",
    registers,
  });
  const letters = new Counter({
    name: "mesh_registry_dead_letters_total",
    help: "Events that became dead letters at this replica.",
    labelNames: ["plugin", "class"],
    registers,
  });
  return {
    calloutRefused: () => refused.inc(),
    deadLetter: ({ consumer, class: eventClass }) => letters.inc({ plugin: consumer, class: eventClass }),
  };
}
