import { announceProxy } from "@patchbay/dataplane-client";
import { pause } from "@patchbay/model";
import { CORE_VERSION, developmentSettings } from "@patchbay/runtime";
import type { Lease } from "@patchbay/wire";
import type { ProgramReadiness, Sidecar, SidecarOptions } from "./sidecar.ts";
import { LOOPBACK, type Parts } from "./wiring.ts";

/**
 * How long a change takes from the registry to the last client on a laptop, doubled: destination coalesces for 10 ms, the rest is
 * loopback, and a busy machine has its share.
 */
export const SETTLE_MS = 300;
const LAST_REPORT_MS = 500;

/** From the announcement to the stop: the order in which registry, peers and connections hear of each step. */
export function createLifecycle(
  options: SidecarOptions,
  parts: Parts,
): Pick<Sidecar, "setReadiness" | "drain" | "stop"> {
  const { settings = developmentSettings, settleMs = SETTLE_MS } = options;
  const serves = options.app !== undefined;
  let program: ProgramReadiness = serves
    ? { ready: false, reason: "the program has not started" }
    : { ready: true, reason: "" };
  let drained: Promise<number> | undefined;
  let stopped: Promise<void> | undefined;
  const lease = announce(options, parts, () => program);
  const stopListening = parts.identity.onChange(() => lease.announceAgain());

  async function drain(): Promise<number> {
    await lease.drain("the program is being stopped");
    if (!serves) return 0;
    await pause(settleMs);
    return parts.proxy.drainInbound(settings.drainMs);
  }

  async function stop(): Promise<void> {
    stopListening();
    // Requests that are cut now are counted in the last report.
    parts.proxy.stop();
    await Promise.all([
      parts.reporter.flush(LAST_REPORT_MS),
      parts.traces.flush(LAST_REPORT_MS),
      parts.policing.client.flush(),
      lease.drain("the sidecar ends"),
    ]);
    lease.close();
    parts.close();
  }

  return {
    setReadiness({ ready, reason, host }) {
      if (parts.app !== undefined && host !== undefined) parts.app.host = host;
      if (program.ready === ready && program.reason === reason) return;
      program = { ready, reason };
      lease.announceAgain();
    },
    drain: () => (drained ??= drain()),
    stop: () => (stopped ??= stop()),
  };
}

function announce(options: SidecarOptions, parts: Parts, program: () => ProgramReadiness): Lease {
  const { name, namespace = "default", app, log } = options;
  const { identity, proxy, admin } = parts;
  const address = options.inbound?.host ?? LOOPBACK;
  return announceProxy({
    registry: parts.controlPlane.registry,
    name,
    namespace,
    instance: parts.instance,
    version: CORE_VERSION,
    address: admin.address,
    workload: app === undefined ? undefined : { service: name, address, port: proxy.inboundPort },
    readiness() {
      // Without a certificate no peer could verify that it has reached this program.
      if (identity.current() === undefined) return { ready: false, reason: "no certificate yet" };
      return program();
    },
    spiffeId: () => identity.current()?.spiffeId ?? "",
    log,
  });
}
