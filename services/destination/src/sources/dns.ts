import { create } from "@bufbuild/protobuf";
import {
  type Authority,
  type Cancel,
  CHAIN_ORDER,
  type Clock,
  createBackoff,
  errorMessage,
  type Ip,
  parseIp,
  whyNeverEndpoint,
} from "@patchbay/model";
import { EndpointSchema } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { type Answer, failed } from "../core/answer.ts";
import type { Query } from "../core/chain.ts";
import { createDnsMemory } from "../core/dns-memory.ts";
import { canonicalEndpoints } from "../core/endpoints.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import type { DnsLookup, DnsRecord } from "./dns-lookup.ts";
import type { OnResolverEvent, Resolver } from "./resolver.ts";

export interface DnsOptions {
  readonly lookup: DnsLookup;
  readonly deadlineMs: number;
  /** How long addresses are served stale while the server fails. */
  readonly staleForMs: number;
  /** First and longest wait after a failed lookup; both well below `staleForMs`. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Answers are asked for again after their TTL, but not sooner and not later than this. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly clock: Clock;
  /** Why this address and port may not be an endpoint; undefined: they may. */
  forbids(ip: Ip, port: number): string | undefined;
}

/**
 * The last resolver of the chain: names outside of the mesh, by DNS.
 *
 * A name that a client asks for and that no other resolver knows is plain egress: the proxy forwards it as any proxy would, so
 * that HTTPS, a corporate proxy and the client's own resolution of the name keep working. So this resolver answers only for names
 * outside that a rewrite or split led to (a StaticService with `rewrite: db.corp.example:5432`, or a plugin), and for SRV names ("_http._tcp.shop.example"), which no plain proxy can resolve.
 * Where a plugin led, its allowedNetworks apply to the addresses found.
 */
export function createDns(options: DnsOptions): Resolver {
  return {
    spec: dnsSpec(options),
    suffixes: [],
    status: () => ({ ready: true, reason: "" }),
    ask: ({ authority }: Query, tell) => {
      if (authority.kind === "name") return keepAsking(authority, tell, options);
      tell({
        kind: "answer",
        answer: toAnswer([{ address: authority.host, port: authority.port, weight: 1 }], options),
      });
      return () => undefined;
    },
  };
}

function dnsSpec({ deadlineMs, staleForMs }: DnsOptions): ResolverSpec {
  return {
    name: "dns",
    order: CHAIN_ORDER.dns,
    failOpen: false,
    deadlineMs,
    staleForMs,
    usesContext: false,
    outside: true,
    skips: skipReason,
  };
}

function skipReason({ kind, host }: Authority, led: boolean): string | undefined {
  if (kind === "mesh") return "DNS does not know names of the mesh";
  if (led || (kind === "name" && host.startsWith("_"))) return undefined;
  return "asked for itself it is plain egress, which the proxy resolves";
}

/** Looks the name up again when its TTL ends, and with backoff after a failure. */
function keepAsking({ host, port }: Authority, tell: OnResolverEvent, options: DnsOptions): () => void {
  const { minTtlMs, maxTtlMs, retryMinMs, retryMaxMs, staleForMs, lookup, clock } = options;
  const backoff = createBackoff({ minMs: retryMinMs, maxMs: retryMaxMs });
  const memory = createDnsMemory<DnsRecord>(staleForMs);
  let cancel: Cancel = () => undefined;
  let stopped = false;
  const look = async (): Promise<number> => {
    try {
      const found = await lookup(host, port);
      const { records, stale } = memory.merge(found?.parts ?? [], clock.monotonic());
      if (!stopped) tell({ kind: "answer", answer: found ? toAnswer(records, options) : { kind: "absent" }, stale });
      const failed = found?.parts.some((part) => part.records === undefined) ?? false;
      if (failed) return backoff.next();
      backoff.reset();
      return Math.min(Math.max(found?.ttlMs ?? minTtlMs, minTtlMs), maxTtlMs);
    } catch (error) {
      if (!stopped) tell({ kind: "broken", reason: errorMessage(error) });
      return backoff.next();
    }
  };
  const turn = async (): Promise<void> => {
    const waitMs = await look();
    if (!stopped) cancel = clock.after(waitMs, () => void turn());
  };
  void turn();
  return () => {
    stopped = true;
    cancel();
  };
}

/** Leaves out forbidden addresses; fails when no other is left. */
function toAnswer(records: readonly DnsRecord[], { forbids }: DnsOptions): Answer {
  if (records.length === 0) return { kind: "empty", detail: "the name exists and has no addresses" };
  const judged = records.map((record) => ({ record, bad: whyNot(record, forbids) }));
  const good = judged.filter(({ bad }) => bad === undefined);
  const [first] = judged;
  if (good.length === 0) return failed(`${first?.record.address ?? ""} is ${first?.bad ?? ""}`);
  const endpoints = good.map(({ record }) => create(EndpointSchema, { ...record }));
  return { kind: "endpoints", endpoints: canonicalEndpoints(endpoints) };
}

function whyNot({ address, port }: DnsRecord, forbids: DnsOptions["forbids"]): string | undefined {
  const ip = parseIp(address);
  return ip === undefined ? "not an IP address" : (whyNeverEndpoint(ip) ?? forbids(ip, port));
}
