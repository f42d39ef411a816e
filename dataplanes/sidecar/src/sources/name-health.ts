import type { EndpointState } from "../core/balancing/balancer.ts";
import { createTargetHealth, type HealthPath } from "../core/balancing/target-health.ts";
import type { HealthSource } from "../core/report/health-part.ts";
import type { WatchedName } from "./watched-name.ts";

/** How a name stands, and the backends that its rules lead to. */
export interface NameHealth extends HealthSource {
  /** A request goes to the name itself. Set at each, so it costs nothing. */
  used: boolean;
  /** A request goes there by a rule. */
  usedBackend(to: WatchedName): void;
  states(): readonly EndpointState[];
}

/** Backends that are remembered; beyond, they are learned anew from use. */
const MAX_BACKENDS = 50;

export function createNameHealth({ authority, target }: WatchedName): NameHealth {
  const health = createTargetHealth({ target: authority.shortHost, retries: target.retries, ledger: target.ledger });
  const backends = new Map<string, WatchedName>();

  function paths(): readonly HealthPath[] {
    const own = target.paths();
    if (name.used) for (const { backend } of own) health.used(backend);
    return [...own, ...[...backends].map(pathBy)];
  }

  const name: NameHealth = {
    used: false,
    usedBackend(to) {
      const backend = to.authority.shortHost;
      if (backends.size >= MAX_BACKENDS && !backends.has(backend)) backends.clear();
      backends.set(backend, to);
      health.used(backend);
    },
    pending: () => health.pending(paths()),
    take() {
      const rows = health.take(paths());
      name.used = false;
      return rows;
    },
    states: () => [...target.paths(), ...[...backends].map(pathBy)].flatMap(statesOf),
  };
  return name;
}

function pathBy([backend, { target }]: readonly [string, WatchedName]): HealthPath {
  return { backend, balancers: target.paths().flatMap(({ balancers }) => balancers) };
}

function statesOf({ backend, balancers }: HealthPath): readonly EndpointState[] {
  return balancers.flatMap((balancer) => balancer.states().map((state) => ({ ...state, backend })));
}
