import { isPort, isRecord, isSpiffeId, parseIp, splitHostPort, whyNeverEndpoint } from "@patchbay/model";
import { PluginMistake, show } from "../errors/mistake.ts";
import { placeOfCaller } from "../errors/place.ts";
import { suggestion } from "../errors/suggest.ts";
import type { Endpoint } from "../public/answer.ts";

const MAX_ENDPOINTS = 10_000;
const PROTOCOLS = ["http1", "http2", "opaque"];
const FIELDS = ["address", "port", "weight", "zone", "labels", "protocol", "identity"];

/** Lists that came out of here; they are frozen, and need no second look when they are yielded. */
const checkedLists = new WeakSet<object>();

/** Checks and normalises what an author passed to `endpoints()`. */
export function readEndpoints(list: unknown, place: () => string | undefined = placeOfCaller): readonly Endpoint[] {
  if (isCheckedList(list)) return list;
  try {
    return readList(list);
  } catch (error) {
    throw error instanceof Wrong ? new PluginMistake(error.message, { hint: error.hint, place: place() }) : error;
  }
}

function readList(list: unknown): readonly Endpoint[] {
  if (list instanceof Promise) throw wrong("endpoints() got a Promise", "Await it first: `endpoints(await ...)`");
  if (typeof list === "string" || !isIterable(list)) {
    throw wrong(`endpoints() got ${show(list)}, not a list`, 'Write endpoints(["10.0.0.1:80"])');
  }
  const read: Endpoint[] = [];
  for (const item of list) {
    if (read.length === MAX_ENDPOINTS) throw wrong("endpoints() got more than 10,000 endpoints", "Split the service");
    read.push(readEndpoint(item, read.length));
  }
  if (read.length === 0)
    throw wrong("endpoints() got an empty list", "Yield empty() when nobody serves it, absent() when it is not yours");
  checkedLists.add(read);
  return Object.freeze(read);
}

function isCheckedList(list: unknown): list is readonly Endpoint[] {
  return typeof list === "object" && list !== null && checkedLists.has(list);
}

function readEndpoint(item: unknown, index: number): Endpoint {
  if (item instanceof Promise)
    throw wrong(`endpoint ${index} is a Promise`, "Await it first, for a list: `await Promise.all(...)`");
  if (typeof item === "string") return fromText(item, index);
  if (!isRecord(item)) throw wrong(`endpoint ${index} is ${show(item)}`, 'Write "10.0.0.1:80" or { address, port }');
  return fromObject(item, index);
}

function fromText(text: string, index: number): Endpoint {
  const written = text.trim();
  const split = parseIp(written) === undefined ? splitHostPort(written) : { host: written, port: undefined };
  if (!split)
    throw wrong(
      `endpoint ${index} is ${show(text)}`,
      'Write an address and a port, such as "10.0.0.1:80" or "[fd00::1]:80"',
    );
  if (split.port === undefined)
    throw wrong(`endpoint ${index}, ${show(text)}, has no port`, 'Write "10.0.0.1:80", IPv6 as "[fd00::1]:80"');
  return fromObject({ address: split.host, port: split.port }, index);
}

function fromObject(item: Readonly<Record<string, unknown>>, index: number): Endpoint {
  const { address, port, weight, zone, labels, protocol, identity } = item;
  checkFields(item, index);
  checkAddress(address, index);
  if (!isPort(port)) throw wrong(`endpoint ${index} has the port ${show(port)}`, "A port is a number from 1 to 65535");
  if (weight !== undefined && !isWeight(weight))
    throw wrong(`endpoint ${index} has the weight ${show(weight)}`, "A weight is a whole number from 1 to 4294967295");
  if (zone !== undefined && typeof zone !== "string")
    throw wrong(`endpoint ${index} has the zone ${show(zone)}`, "A zone is a text");
  if (labels !== undefined && !isLabels(labels))
    throw wrong(`endpoint ${index} has the labels ${show(labels)}`, "Labels are an object of texts");
  if (protocol !== undefined && !isProtocol(protocol))
    throw wrong(
      `endpoint ${index} has the protocol ${show(protocol)}`,
      suggestion(typeof protocol === "string" ? protocol : "", PROTOCOLS),
    );
  if (identity !== undefined && !isIdentity(identity))
    throw wrong(
      `endpoint ${index} has the identity ${show(identity)}`,
      'An identity is a SPIFFE ID such as "spiffe://cluster.local/ns/default/sa/users"',
    );
  return {
    address,
    port,
    ...(weight !== undefined && { weight }),
    ...(zone !== undefined && { zone }),
    ...(labels !== undefined && { labels }),
    ...(protocol !== undefined && { protocol }),
    ...(identity !== undefined && { identity }),
  };
}

function checkFields(item: Readonly<Record<string, unknown>>, index: number): void {
  const unknown = Object.keys(item).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined)
    throw wrong(`endpoint ${index} has an unknown field "${unknown}"`, suggestion(unknown, FIELDS));
}

function checkAddress(address: unknown, index: number): asserts address is string {
  const ip = typeof address === "string" ? parseIp(address) : undefined;
  const why = ip && whyNeverEndpoint(ip);
  if (why !== undefined)
    throw wrong(`endpoint ${index} has the address ${show(address)}, which is ${why}`, "The mesh never connects to it");
  if (ip !== undefined) return;
  const hint =
    'An address is an IP literal, since a mesh does not look names up here: yield rewrite("name:port") for a name';
  throw wrong(`endpoint ${index} has the address ${show(address)}`, hint);
}

function isWeight(weight: unknown): weight is number {
  return typeof weight === "number" && Number.isInteger(weight) && weight >= 1 && weight <= 4_294_967_295;
}

function isLabels(labels: unknown): labels is Readonly<Record<string, string>> {
  return isRecord(labels) && Object.values(labels).every((value) => typeof value === "string");
}

function isProtocol(protocol: unknown): protocol is "http1" | "http2" | "opaque" {
  return typeof protocol === "string" && PROTOCOLS.includes(protocol);
}

function isIdentity(identity: unknown): identity is string {
  return typeof identity === "string" && isSpiffeId(identity);
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** What is wrong, before the place in the author's file is known. */
class Wrong extends Error {
  readonly hint: string;

  constructor(what: string, hint: string) {
    super(what);
    this.hint = hint;
  }
}

function wrong(what: string, hint: string): Wrong {
  return new Wrong(what, hint);
}
