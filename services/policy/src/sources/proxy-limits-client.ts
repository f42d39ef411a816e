import { createClient } from "@connectrpc/connect";
import type { LimitState } from "@patchbay/proto/mesh/common/v1/limit_pb";
import type { DescribedRequest } from "@patchbay/proto/mesh/common/v1/request_pb";
import { Proxy as ProxyApi } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { createTransport } from "@patchbay/wire";
import type { WorkloadLookup } from "./workload-lookup.ts";

/** Asks proxies for the states of their limits. */
export interface ProxyLimitsClient {
  /** States of all proxies of a service ("namespace/name") that answer in time. Never rejects. */
  limits(service: string, request: DescribedRequest): Promise<readonly LimitState[]>;
}

export interface ProxyLimitsClientOptions {
  readonly workloadLookup: WorkloadLookup;
  /** Token of this service. */
  token(): string;
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 500;
/** Proxies that are asked at most for one service. */
const MAX_PROXIES = 32;

export function createProxyLimitsClient({
  workloadLookup,
  token,
  deadlineMs = DEADLINE_MS,
}: ProxyLimitsClientOptions): ProxyLimitsClient {
  const ask = async (address: string, request: DescribedRequest): Promise<readonly LimitState[]> => {
    // Calls are rare and proxies come and go, so connections are not kept.
    const transport = createTransport({ address: `http://${address}`, token });
    try {
      const proxy = createClient(ProxyApi, transport);
      const { limits } = await proxy.inspect({ request }, { timeoutMs: deadlineMs });
      return limits;
    } catch {
      // An older proxy, or one that is stopping: its states are left out.
      return [];
    } finally {
      transport.close();
    }
  };
  return {
    async limits(service, request) {
      const there = workloadLookup.proxies().filter(({ serves, address }) => serves === service && address !== "");
      const answers = await Promise.all(there.slice(0, MAX_PROXIES).map(({ address }) => ask(address, request)));
      return answers.flat();
    },
  };
}
