import { within } from "@patchbay/model";
import { createLifecycle } from "./lifecycle.ts";
import type { Sidecar, SidecarOptions } from "./sidecar.ts";
import { createParts } from "./wiring.ts";

/** A program that starts wants to call: its certificate comes first, unless identity is away. */
const CERTIFICATE_WAIT_MS = 1_500;

/** Starts a sidecar. Rejects with a sentence when a port cannot be had; then nothing is left open. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const parts = createParts(options);
  try {
    await Promise.all([parts.proxy.start(), parts.admin.start()]);
  } catch (error) {
    parts.close();
    throw error;
  }
  await within(parts.identity.ready(), CERTIFICATE_WAIT_MS);
  const { proxy } = parts;
  const life = createLifecycle(options, parts);
  return {
    outboundPort: proxy.outboundPort,
    inboundPort: proxy.inboundPort,
    listenPorts: proxy.listenPorts,
    ...life,
    stats: () => ({
      proxy: proxy.stats(),
      reports: parts.reporter.stats(),
      traces: parts.traces.stats(),
      names: parts.router.names(),
      policy: parts.policing.stats(),
      taps: parts.taps.count(),
    }),
    [Symbol.asyncDispose]: () => life.stop(),
  };
}
