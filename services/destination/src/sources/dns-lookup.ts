import { lookup, Resolver, type SrvRecord } from "node:dns";
import { promisify } from "node:util";

/** One address with its port and share. */
export interface DnsRecord {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** Result of one query: the records of one family of one host. An SRV name has two for each of its targets. */
export interface DnsPart {
  /** The same for the same query each time, such as "A db.example:5432". */
  readonly key: string;
  /** Undefined: the server could not answer, which says nothing about the records. */
  readonly records: readonly DnsRecord[] | undefined;
  /** SRV only: parts of a higher number count only when those of a lower one have no record (RFC 2782). */
  readonly priority: number;
}

/** All parts without a record: the name exists and has none. Undefined instead of an answer: the name does not exist. */
export interface DnsAnswer {
  readonly parts: readonly DnsPart[];
  /** How long the answer may be kept. */
  readonly ttlMs: number;
}

export interface DnsLookupOptions {
  /** "address:port" of the servers to ask. Default: the system's, as they are at the time. */
  readonly servers?: readonly string[];
  /** For one try; there are two. */
  readonly timeoutMs: number;
  /** For records without a TTL: SRV records (Node does not expose it) and the hosts file. */
  readonly defaultTtlMs: number;
}

/** Asks for a host and port, or for SRV records when the host begins with "_". Rejects when no server answered anything. */
export type DnsLookup = (host: string, port: number) => Promise<DnsAnswer | undefined>;

/** Targets of one SRV name, best priority first. Each costs two queries. */
const MAX_TARGETS = 64;

export function createDnsLookup(options: DnsLookupOptions): DnsLookup {
  return (host, port) => {
    const resolver = createResolver(options);
    return host.startsWith("_") ? serviceParts(resolver, host, options) : addressParts(resolver, host, port, options);
  };
}

/** A new one for each lookup, because it reads the system's servers on creation, and they change with a VPN or another network. */
function createResolver({ timeoutMs, servers }: DnsLookupOptions): Resolver {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return resolver;
}

const FAMILIES = ["A", "AAAA"] as const;

async function addressParts(
  resolver: Resolver,
  host: string,
  port: number,
  options: DnsLookupOptions,
): Promise<DnsAnswer | undefined> {
  const answers = await Promise.allSettled(FAMILIES.map((family) => resolve(resolver, family, host)));
  const [failure] = answers.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
  const found = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (failure !== undefined && !found.some((one) => one !== undefined && one.length > 0)) throw failure;
  if (found.every((one) => one === undefined)) {
    // Only names that DNS does not know: the hosts file, mDNS and the like. Not with servers of our own.
    return options.servers === undefined ? await systemLookup(host, port, options) : undefined;
  }
  const ttls = found.flatMap((one) => one ?? []).map(({ ttl }) => 1_000 * ttl);
  return { parts: answers.map((one, at) => partOf(one, FAMILIES[at] ?? "", host, port)), ttlMs: ttlOf(ttls, options) };
}

function partOf(answer: PromiseSettledResult<Found>, family: string, host: string, port: number): DnsPart {
  const records =
    answer.status === "rejected"
      ? undefined
      : (answer.value ?? []).map(({ address }) => ({ address, port, weight: 1 }));
  return { key: `${family} ${host}:${port}`, records, priority: 0 };
}

function ttlOf(ttls: readonly number[], { defaultTtlMs }: DnsLookupOptions): number {
  return ttls.length === 0 ? defaultTtlMs : Math.min(...ttls);
}

/** The addresses of all targets. Fails only when every target's server fails. */
async function serviceParts(
  resolver: Resolver,
  name: string,
  options: DnsLookupOptions,
): Promise<DnsAnswer | undefined> {
  const found = await srv(resolver, name);
  if (found === undefined) return undefined;
  const targets = found.toSorted((left, right) => left.priority - right.priority).slice(0, MAX_TARGETS);
  const answers = await Promise.allSettled(
    targets.map((target) => addressParts(resolver, target.name, target.port, options)),
  );
  const failures = answers.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
  const [failure] = failures;
  if (failure !== undefined && failures.length === targets.length) throw failure;
  const ttls = answers.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value.ttlMs] : []));
  const parts = answers.flatMap((answer, at) => targetParts(answer, targets[at]));
  return { parts, ttlMs: Math.min(options.defaultTtlMs, ...ttls) };
}

function targetParts(
  answer: PromiseSettledResult<DnsAnswer | undefined>,
  target: SrvRecord | undefined,
): readonly DnsPart[] {
  if (target === undefined) return [];
  const { name, port, priority } = target;
  // RFC 2782: weight 0 is for targets that are rarely chosen, not for those that never are.
  const weight = Math.max(1, target.weight);
  if (answer.status === "rejected") {
    return FAMILIES.map((family) => ({ key: `${family} ${name}:${port}`, records: undefined, priority }));
  }
  const weighted = (records: readonly DnsRecord[]): readonly DnsRecord[] => records.map((one) => ({ ...one, weight }));
  return (answer.value?.parts ?? []).map((part) => ({
    ...part,
    priority,
    records: part.records && weighted(part.records),
  }));
}

/** Undefined: the name does not exist. Empty: it exists without such records. */
type Found = readonly AddressRecord[] | undefined;

interface AddressRecord {
  readonly address: string;
  readonly ttl: number;
}

function resolve(resolver: Resolver, type: "A" | "AAAA", host: string): Promise<Found> {
  return new Promise((settle, reject) => {
    const done = (error: NodeJS.ErrnoException | null, records: readonly AddressRecord[]): void => {
      if (!error) settle(records);
      else if (error.code === "ENOTFOUND") settle(undefined);
      else if (error.code === "ENODATA") settle([]);
      else reject(new Error(`DNS: ${error.message}`));
    };
    if (type === "A") resolver.resolve4(host, { ttl: true }, done);
    else resolver.resolve6(host, { ttl: true }, done);
  });
}

function srv(resolver: Resolver, name: string): Promise<readonly SrvRecord[] | undefined> {
  return new Promise((settle, reject) => {
    resolver.resolveSrv(name, (error, records) => {
      if (!error) settle(records);
      else if (error.code === "ENOTFOUND") settle(undefined);
      else if (error.code === "ENODATA") settle([]);
      else reject(new Error(`DNS: ${error.message}`));
    });
  });
}

const lookupAll = promisify(lookup);

async function systemLookup(
  host: string,
  port: number,
  { defaultTtlMs }: DnsLookupOptions,
): Promise<DnsAnswer | undefined> {
  const found = await lookupAll(host, { all: true }).catch(() => []);
  if (found.length === 0) return undefined;
  const records = found.map(({ address }) => ({ address, port, weight: 1 }));
  return { parts: [{ key: `system ${host}:${port}`, records, priority: 0 }], ttlMs: defaultTtlMs };
}
