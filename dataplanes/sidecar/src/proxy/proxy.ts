import type { Direction } from "../core/types.ts";
import { createListeners } from "./listeners/listeners.ts";
import { createServers, type Servers } from "./listeners/servers.ts";
import { createOrigins, createProxyContext, type DrainingDirections, type ProxyContext } from "./proxy-context.ts";
import type { ProxyOptions, SidecarProxy } from "./proxy-options.ts";
import { isLoopbackAddress } from "./upstream/address-rules.ts";

/** Milliseconds between looks at deadlines, at idle connections, and at whether a drain is done. */
const SWEEP_MS = 100;
const TEND_MS = 1_000;
const DRAIN_STEP_MS = 20;

/** Builds the proxy beside one program. Nothing listens before `start`. */
export function createProxy(options: ProxyOptions): SidecarProxy {
  check(options);
  const plumbing = createProxyContext(options);
  const leaving: DrainingDirections = new Set();
  const origins = createOrigins(options, plumbing, leaving);
  const { identity, log, self } = options;
  const servers = createServers({ plumbing, origins, identity, namespace: self.namespace, log });
  const doors = createListeners(options, { plumbing, origins, servers });
  let timer: NodeJS.Timeout | undefined;

  async function leave(direction: Direction, until: number): Promise<number> {
    leaving.add(direction);
    doors.close(direction);
    servers.http2.goAway(direction);
    while (doors.busy(direction) > 0 && performance.now() < until) {
      servers.http1.closeIdle(direction);
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS));
    }
    const cut = doors.busy(direction);
    doors.destroy(direction);
    return cut;
  }

  return {
    get outboundPort() {
      return doors.ports.outbound;
    },
    get inboundPort() {
      return doors.ports.inbound;
    },
    get listenPorts() {
      return doors.ports.listens;
    },
    async start() {
      await doors.open();
      timer = startClock(plumbing, servers);
    },
    drainInbound: (ms) => leave("inbound", performance.now() + ms),
    async drain(ms) {
      const until = performance.now() + ms;
      return (await leave("inbound", until)) + (await leave("outbound", until));
    },
    stop() {
      clearInterval(timer);
      doors.destroy("inbound");
      doors.destroy("outbound");
      servers.stop();
      plumbing.upstreams.destroy();
    },
    stats: () => ({ ...plumbing.counters }),
  };
}

function check({ outbound, inbound }: ProxyOptions): void {
  if (!isLoopbackAddress(outbound.host))
    throw new Error(
      `the outbound port must be on loopback, not ${outbound.host}: whoever reaches it speaks as this workload`,
    );
  if (
    inbound !== undefined &&
    inbound.port !== 0 &&
    inbound.port === inbound.app.port &&
    isLoopbackAddress(inbound.app.host)
  )
    throw new Error(`the program's port ${inbound.app.port} cannot be the sidecar's own`);
}

function startClock({ deadlines, upstreams }: ProxyContext, servers: Servers): NodeJS.Timeout {
  let tendedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    deadlines.sweep(now);
    if (now - tendedAt < TEND_MS) return;
    tendedAt = now;
    upstreams.tend(now);
    servers.http2.tend(now);
  }, SWEEP_MS);
  return timer.unref();
}
