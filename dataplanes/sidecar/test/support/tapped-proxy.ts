import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { Proxy as ProxyService } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import type { Notice, Request, SelectorSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { eventually, TEST_KEY, transportAs } from "@patchbay/testkit";
import { type ClosableTransport, noLog } from "@patchbay/wire";
import { createAdmin } from "../../src/admin/server.ts";
import { createTaps, type Taps } from "../../src/sources/taps.ts";
import { type StartedProxy, type StartOptions, startProxy } from "./proxies.ts";

/** What one tap has brought so far. */
export interface Observed {
  readonly requests: Request[];
  readonly notices: Notice[];
  /** Why it ended; undefined: the caller went. */
  readonly ended: Promise<ConnectError | undefined>;
  stop(): Promise<void>;
}

export interface TappedProxy extends StartedProxy {
  readonly taps: Taps;
  /** "host:port" of its own API. */
  readonly address: string;
  /** Resolves when the tap is in force, or was refused. */
  observe(selector: MessageInitShape<typeof SelectorSchema>, maxRps?: number): Promise<Observed>;
}

/** A proxy that can be tapped, as a sidecar's is. */
export async function startTappedProxy(
  service: string,
  options: Omit<StartOptions, "self"> = {},
): Promise<TappedProxy> {
  const namespace = "default";
  const taps = createTaps({
    self: { service, namespace, instance: "one", identity: () => "" },
    serves: options.inbound !== undefined,
  });
  const proxy = await startProxy({ ...options, self: { service, namespace }, witnesses: [taps] });
  const admin = createAdmin({ key: TEST_KEY, taps, log: noLog });
  await admin.start();
  const transport = transportAs(admin.address, { kind: "core" });
  const tapped: TappedProxy = {
    ...proxy,
    taps,
    address: admin.address,
    observe: (selector, maxRps = 0) => observe(transport, { selector, maxRps }),
    async [Symbol.asyncDispose]() {
      transport.close();
      admin.stop();
      await proxy[Symbol.asyncDispose]();
    },
  };
  return tapped;
}

async function observe(
  transport: ClosableTransport,
  request: { selector: MessageInitShape<typeof SelectorSchema>; maxRps: number },
): Promise<Observed> {
  const stopping = new AbortController();
  const requests: Request[] = [];
  const notices: Notice[] = [];
  let settled = false;
  const read = async (): Promise<ConnectError | undefined> => {
    try {
      for await (const { message } of createClient(ProxyService, transport).observe(request, {
        signal: stopping.signal,
      })) {
        settled = true;
        if (message.case === "request") requests.push(message.value);
        if (message.case === "notice") notices.push(message.value);
      }
      return undefined;
    } catch (error) {
      settled = true;
      return stopping.signal.aborted ? undefined : ConnectError.from(error);
    }
  };
  const ended = read();
  await eventually("the proxy has answered", () => settled);
  return {
    requests,
    notices,
    ended,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
