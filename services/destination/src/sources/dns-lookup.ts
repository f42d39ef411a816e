import { lookup, Resolver, type SrvRecord } from "node:dns";
import { promisify } from "node:util";

/** One address with its port and share, and how long it may be kept. */
export interface DnsRecord {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** `records` may be empty: the name exists and has none. Undefined instead of an answer: the name does not exist. */
export interface DnsAnswer {
  readonly records: readonly DnsRecord[];
  readonly ttlMs: number;
}

export interface DnsLookupOptions {
  /** "address:port" of the servers to ask. Default: the system's. */
  readonly servers?: readonly string[];
  /** For one try; there are two. */
  readonly timeoutMs: number;
  /** For what has no TTL of its own: SRV records (Node does not tell theirs) and the hosts file. */
  readonly defaultTtlMs: number;
}

/** Asks for a host and port, or for SRV records when the host begins with "_". Rejects when nobody could be asked. */
export type DnsLookup = (host: string, port: number) => Promise<DnsAnswer | undefined>;

const MAX_RECORDS = 256;

export function createDnsLookup(options: DnsLookupOptions): DnsLookup {
  const resolver = new Resolver({ timeout: options.timeoutMs, tries: 2 });
  if (options.servers) resolver.setServers(options.servers);
  const addresses = async (host: string, port: number): Promise<DnsAnswer | undefined> => {
    const found = await oneIsEnough([resolve(resolver, "A", host), resolve(resolver, "AAAA", host)]);
    const records = found.flatMap((one) => one ?? []);
    if (records.length > 0) {
      const ttlMs = 1_000 * Math.min(...records.map((record) => record.ttl));
      return { records: records.map(({ address }) => ({ address, port, weight: 1 })).slice(0, MAX_RECORDS), ttlMs };
    }
    if (found.some((one) => one !== undefined)) return { records: [], ttlMs: options.defaultTtlMs };
    // Only names that DNS does not know: the hosts file, mDNS and the like. Not with servers of our own.
    return options.servers ? undefined : await systemLookup(host, port, options);
  };
  const services = async (name: string): Promise<DnsAnswer | undefined> => {
    const found = await srv(resolver, name);
    if (!found) return undefined;
    const first = Math.min(...found.map((record) => record.priority));
    const preferred = found.filter((record) => record.priority === first).slice(0, MAX_RECORDS);
    const answers = await Promise.all(
      preferred.map(async (record) => ({ record, answer: await addresses(record.name, record.port) })),
    );
    const records = answers.flatMap(({ record, answer }) =>
      (answer?.records ?? []).map((one) => ({ ...one, weight: Math.max(1, record.weight) })),
    );
    const ttls = answers.map(({ answer }) => answer?.ttlMs ?? options.defaultTtlMs);
    return { records: records.slice(0, MAX_RECORDS), ttlMs: Math.min(options.defaultTtlMs, ...ttls) };
  };
  return (host, port) => (host.startsWith("_") ? services(host) : addresses(host, port));
}

/** A server that cannot answer for one family must not hide the addresses of the other; without any, its failure counts. */
async function oneIsEnough(asked: readonly Promise<Found>[]): Promise<readonly Found[]> {
  const answers = await Promise.allSettled(asked);
  const found = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (found.some((one) => one && one.length > 0)) return found;
  return await Promise.all(asked);
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
  return { records: found.map(({ address }) => ({ address, port, weight: 1 })), ttlMs: defaultTtlMs };
}
