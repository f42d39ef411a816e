import { collectDefaultMetrics, Registry } from "prom-client";

/** A registry for one service's own metrics, labelled with the service. */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  return registry;
}

/** Memory, CPU, event loop lag of the process. Once a process. */
export function createProcessMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
