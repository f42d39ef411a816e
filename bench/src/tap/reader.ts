import { type Client, createClient } from "@connectrpc/connect";
import { Proxy as ProxyService } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { View } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { createTokenSource, createTransport } from "@patchbay/wire";
import { childOptions, ready } from "../harness.ts";

export interface ReaderOptions {
  readonly key: string;
}

/** Taps a proxy until the next task. An empty address: taps nothing. */
export interface ReadTask {
  readonly address: string;
  readonly where: string;
  readonly maxRps: number;
  readonly showHeaders: readonly string[];
}

/** What the last task brought. */
export interface ReadResult {
  readonly shown: number;
}

const { key } = childOptions<ReaderOptions>();
const identity = { kind: "core", namespace: "default", name: "tap", instance: "bench" } as const;
const token = createTokenSource(Buffer.from(key, "base64"), identity);
let shown = 0;
let stop: () => Promise<void> = () => Promise.resolve();

/** In the place of the tap service. */
async function read(
  client: Client<typeof ProxyService>,
  task: ReadTask,
  options: { signal: AbortSignal; begun(): void },
) {
  const selector = { view: View.OUTBOUND, when: task.where, showHeaders: [...task.showHeaders] };
  const request = { selector, maxRps: task.maxRps };
  for await (const { message } of client.observe(request, { signal: options.signal })) {
    if (message.case === "started") options.begun();
    else if (message.case === "request") shown += 1;
  }
}

ready(undefined, async (message) => {
  const task = message as ReadTask;
  await stop();
  const result: ReadResult = { shown };
  shown = 0;
  if (task.address === "") {
    stop = () => Promise.resolve();
    return result;
  }
  const transport = createTransport({ address: task.address, token });
  const stopping = new AbortController();
  const begun = Promise.withResolvers<void>();
  const reading = read(createClient(ProxyService, transport), task, {
    signal: stopping.signal,
    begun: begun.resolve,
  }).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  stop = async () => {
    stopping.abort();
    await reading;
    transport.close();
  };
  await begun.promise;
  return result;
});
