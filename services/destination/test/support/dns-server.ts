import { createSocket } from "node:dgram";
import { once } from "node:events";

export interface Zone {
  /** By name. Undefined: the name does not exist; a record type without entries: NODATA. */
  readonly [name: string]: {
    readonly A?: readonly string[];
    readonly AAAA?: readonly string[];
    readonly SRV?: readonly { priority: number; weight: number; port: number; target: string }[];
    readonly ttl?: number;
    /** Answers SERVFAIL for this type alone. */
    readonly fails?: "A" | "AAAA" | "SRV";
    /** Answers SERVFAIL for every type. */
    readonly failsAll?: boolean;
  };
}

export interface DnsServer extends AsyncDisposable {
  /** "127.0.0.1:port" */
  readonly address: string;
  zone: Zone;
  /** Answers SERVFAIL. */
  broken: boolean;
  readonly queries: string[];
}

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;

/** A name server for one test: answers A, AAAA and SRV from a table (RFC 1035 §4, RFC 2782), over UDP. */
export async function startDnsServer(zone: Zone): Promise<DnsServer> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const server: DnsServer = {
    address: `127.0.0.1:${socket.address().port}`,
    zone,
    broken: false,
    queries: [],
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
  socket.on("message", (query, from) => {
    const { name, type, end } = readQuestion(query);
    server.queries.push(`${name} ${Object.entries(TYPES).find(([, value]) => value === type)?.[0] ?? type}`);
    const entry = server.zone[name];
    const broken =
      server.broken || entry?.failsAll === true || (entry?.fails !== undefined && TYPES[entry.fails] === type);
    socket.send(reply(query, { end, entry, type, broken }), from.port, from.address);
  });
  return server;
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  while (query[at]) {
    const length = query[at] ?? 0;
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

interface Asked {
  readonly end: number;
  readonly entry: Zone[string] | undefined;
  readonly type: number;
  readonly broken: boolean;
}

function reply(query: Buffer, { end, entry, type, broken }: Asked): Buffer {
  const data = broken || !entry ? [] : recordData(entry, type);
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8580 | (broken ? 2 : entry ? 0 : 3), 2);
  header.writeUInt16BE(data.length, 6);
  header.writeUInt32BE(0, 8);
  const records = data.map((bytes) => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(entry?.ttl ?? 0, 6);
    head.writeUInt16BE(bytes.byteLength, 10);
    return Buffer.concat([head, bytes]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...records]);
}

function recordData(entry: Zone[string], type: number): readonly Buffer[] {
  if (type === TYPES.A) return (entry.A ?? []).map((ip) => Buffer.from(ip.split(".").map(Number)));
  if (type === TYPES.AAAA) return (entry.AAAA ?? []).map((hex) => Buffer.from(hex, "hex"));
  return (entry.SRV ?? []).map(({ priority, weight, port, target }) => {
    const numbers = Buffer.alloc(6);
    for (const [index, value] of [priority, weight, port].entries()) numbers.writeUInt16BE(value, index * 2);
    const name = target.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
    return Buffer.concat([numbers, Buffer.from([...name, 0])]);
  });
}
