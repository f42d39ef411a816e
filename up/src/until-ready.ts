import { createClient } from "@connectrpc/connect";
import { DEFAULT_NAMESPACE, pause } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createTokenSource, createTransport } from "@patchbay/wire";
import { coreServices } from "./core-services.ts";

export interface UntilReadyOptions {
  /** The registry's, "http://host:port". */
  readonly address: string;
  readonly key: Uint8Array;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/**
 * Waits until each core service is Ready at the registry. Too long is not fatal: what runs repairs itself, and
 * `mesh check` says what is missing.
 */
export async function untilReady({ address, key, withinMs, signal }: UntilReadyOptions): Promise<void> {
  const token = createTokenSource(key, { kind: "operator", namespace: DEFAULT_NAMESPACE, name: "up", instance: "up" });
  const transport = createTransport({ address, token, deadlineMs: 1_000 });
  const registry = createClient(Registry, transport);
  const deadline = performance.now() + withinMs;
  try {
    while (performance.now() < deadline && !signal.aborted) {
      const answer = await registry.list({ kinds: [Kind.CORE] }).catch(() => undefined);
      const ready = new Set(
        answer?.registrations.filter((each) => each.state === State.READY).map((each) => each.announce?.name),
      );
      if (coreServices.every(({ name }) => ready.has(name))) return;
      await pause(20, signal);
    }
  } finally {
    transport.close();
  }
}
