import { create } from "@bufbuild/protobuf";
import {
  type Authority,
  type Cidr,
  type Ip,
  isLoopback,
  parseAuthority,
  parseIp,
  parseSpiffeId,
  printable,
  spiffeId,
  TRUST_DOMAIN,
  whyNeverEndpoint,
} from "@patchbay/model";
import { type Endpoint, EndpointSchema, Protocol } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import type { ResolveResponse, Split } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import { type Answer, failed } from "./answer.ts";
import { canonicalEndpoints } from "./endpoints.ts";

/** Endpoints in one answer. */
const MAX_ENDPOINTS = 10_000;
/** Targets of one split. */
export const MAX_TARGETS = 64;
const MAX_LABELS = 32;
const MAX_LABEL_KEY = 128;
const MAX_LABEL_VALUE = 256;
export const MAX_MESSAGE = 512;
const MAX_WEIGHT = 1_000_000;
const LABEL_KEY = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/;

/** What an answer may contain. */
export interface Limits {
  /** Blocks in which endpoints may lie. */
  readonly networks: readonly Cidr[];
  /** Ports of the control plane itself, which no loopback endpoint may have. */
  readonly ownPorts: ReadonlySet<number>;
}

/** An answer broke a rule; `rule` is the label under which it is counted. */
export class LimitError extends Error {
  override readonly name = "LimitError";
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(message);
    this.rule = rule;
  }
}

/**
 * Reads a plugin's answer for an authority. A single label in a rewrite is taken in that authority's namespace.
 *
 * @throws LimitError
 */
export function readAnswer(response: ResolveResponse, authority: Authority, limits: Limits): Answer {
  const { answer } = response;
  switch (answer.case) {
    case "endpoints":
      return { kind: "endpoints", endpoints: readEndpoints(answer.value.endpoints, limits) };
    case "empty":
      return { kind: "empty" };
    case "absent":
      return { kind: "absent" };
    case "failed": {
      const message = printable(answer.value.message, MAX_MESSAGE);
      return failed(message === "" ? "failed without saying why" : message);
    }
    case "rewrite":
      return { kind: "rewrite", authority: readAuthority(answer.value.authority, authority) };
    case "split":
      return readSplit(answer.value, authority);
    case undefined:
      throw new LimitError("empty-message", "the message contains no answer that this core knows");
  }
}

function readEndpoints(endpoints: readonly Endpoint[], limits: Limits): readonly Endpoint[] {
  if (endpoints.length === 0)
    throw new LimitError("no-endpoints", 'answered "endpoints" without any; answer "empty" instead');
  if (endpoints.length > MAX_ENDPOINTS) {
    throw new LimitError(
      "too-many-endpoints",
      `answered ${endpoints.length} endpoints; at most ${MAX_ENDPOINTS} are allowed`,
    );
  }
  return canonicalEndpoints(endpoints.map((endpoint, index) => readEndpoint(endpoint, index, limits)));
}

/** The endpoint with its address in canonical form. */
function readEndpoint(endpoint: Endpoint, index: number, limits: Limits): Endpoint {
  const at = `endpoints[${index}]`;
  const ip = parseIp(endpoint.address);
  if (ip === undefined)
    throw new LimitError("address", `${at}: "${printable(endpoint.address, 80)}" is not an IP address`);
  checkPlace(at, ip, endpoint.port, limits);
  checkExtras(at, endpoint);
  const { text: address } = ip;
  const { port, weight, zone, labels, protocol, identity } = endpoint;
  return create(EndpointSchema, { address, port, weight, zone, labels, protocol, identity });
}

function checkPlace(at: string, ip: Ip, port: number, { networks, ownPorts }: Limits): void {
  if (port < 1 || port > 65_535) throw new LimitError("port", `${at}: port ${port} is not within 1 to 65535`);
  const never = whyNeverEndpoint(ip);
  if (never !== undefined) throw new LimitError("forbidden-address", `${at}: ${ip.text} is ${never}`);
  if (!networks.some((network) => network.contains(ip))) {
    const allowed = networks.map(({ text }) => text).join(", ");
    throw new LimitError("allowed-networks", `${at}: ${ip.text} lies outside of allowedNetworks (${allowed})`);
  }
  if (ownPorts.has(port) && isLoopback(ip)) {
    throw new LimitError("own-port", `${at}: ${ip.text}:${port} is the control plane's own`);
  }
}

function checkExtras(at: string, { labels, zone, identity, weight, protocol }: Endpoint): void {
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS)
    throw new LimitError("labels", `${at}: ${entries.length} labels are more than ${MAX_LABELS}`);
  for (const [key, value] of entries) {
    const good = key.length <= MAX_LABEL_KEY && LABEL_KEY.test(key) && value.length <= MAX_LABEL_VALUE;
    if (!good)
      throw new LimitError("labels", `${at}: label "${printable(key, 80)}" or its value is too long or malformed`);
  }
  if (zone.length > MAX_LABEL_KEY)
    throw new LimitError("zone", `${at}: zone is longer than ${MAX_LABEL_KEY} characters`);
  if (weight > MAX_WEIGHT) throw new LimitError("weight", `${at}: weight ${weight} is more than ${MAX_WEIGHT}`);
  if (identity !== "" && parseSpiffeId(identity)?.trustDomain !== TRUST_DOMAIN) {
    throw new LimitError(
      "identity",
      `${at}: identity "${printable(identity, 80)}" is not like ${spiffeId({ namespace: "NAMESPACE", name: "NAME" })}`,
    );
  }
  if (!Object.values<number>(Protocol).includes(protocol))
    throw new LimitError("protocol", `${at}: unknown protocol ${protocol}`);
}

function readSplit({ targets }: Split, authority: Authority): Answer {
  if (targets.length === 0) throw new LimitError("split", "answered a split without targets");
  if (targets.length > MAX_TARGETS) {
    throw new LimitError("split", `answered a split of ${targets.length} targets; at most ${MAX_TARGETS} are allowed`);
  }
  if (targets.some(({ weight }) => weight > MAX_WEIGHT))
    throw new LimitError("weight", `a split's weight is more than ${MAX_WEIGHT}`);
  if (targets.every(({ weight }) => weight === 0))
    throw new LimitError("split", "answered a split whose weights are all 0");
  return {
    kind: "split",
    targets: targets.map((target) => ({
      authority: readAuthority(target.authority, authority),
      weight: target.weight,
    })),
  };
}

function readAuthority(text: string, asked: Authority): Authority {
  try {
    return parseAuthority(text, asked.kind === "mesh" ? asked.service?.namespace : undefined);
  } catch (error) {
    throw new LimitError("authority", error instanceof Error ? error.message : "not an authority");
  }
}

/** Why a plugin's rewrite may not lead to these endpoints; undefined: it may. */
export function objection(endpoints: readonly Endpoint[], limits: Limits): string | undefined {
  try {
    readEndpoints(endpoints, limits);
    return undefined;
  } catch (error) {
    if (error instanceof LimitError) return error.message;
    throw error;
  }
}
