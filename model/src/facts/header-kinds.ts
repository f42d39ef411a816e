/** Fields in the order and spelling of the wire: name, value, name, value. */
export type HeaderList = string[];

/** What a proxy does with a field. Everything else is end to end and passes untouched. */
export const HeaderKind = {
  END_TO_END: 0,
  /** Hop-by-hop or a claim of identity: never passed on. */
  DROPPED: 1,
  CONNECTION: 2,
  HOST: 3,
  CONTENT_LENGTH: 4,
  TRANSFER_ENCODING: 5,
  UPGRADE: 6,
  EXPECT: 7,
  TE: 8,
  /** Names of the trailers that follow; of use only where a message can have some. */
  TRAILER: 9,
  CONTENT_TYPE: 10,
  /** Which sidecars a request has left through; see `VISITED_HEADER`. */
  VISITED: 11,
  /** See `UNPROCESSED_HEADER`. */
  UNPROCESSED: 12,
  GRPC_STATUS: 13,
} as const;

export type HeaderKind = (typeof HeaderKind)[keyof typeof HeaderKind];

/** Names the sidecars that a request has left through, so that one which comes round again is refused instead of circling. */
export const VISITED_HEADER = "mesh-via";

/** On a 503 between sidecars: the program has not seen the request, so a retry elsewhere is safe for every method. */
export const UNPROCESSED_HEADER = "mesh-unprocessed";

/** On answers that a sidecar gives itself: why, in one word. */
export const ERROR_HEADER = "mesh-error";

/** On refusals, only in development: the policy that decided. */
export const POLICY_HEADER = "mesh-policy";

/** RFC 9110 §7.6.1 and what older proxies used in its place. */
const HOP_BY_HOP = ["keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "http2-settings"];

/** Fields by which meshes forward the caller's identity. Only the certificate proves it; these are unproven from a client. */
export const IDENTITY_LIKE: readonly string[] = [
  "x-forwarded-client-cert",
  "l5d-client-id",
  "l5d-server-id",
  "l5d-remote-ip",
  "l5d-proxy-error",
  "l5d-proxy-connection",
  "x-envoy-internal",
  "x-envoy-external-address",
  "x-envoy-peer-metadata",
  "x-envoy-peer-metadata-id",
  "x-envoy-downstream-service-cluster",
  "x-envoy-downstream-service-node",
  "mesh-source",
  "mesh-identity",
];

const KINDS = new Map<string, HeaderKind>([
  ...[...HOP_BY_HOP, ...IDENTITY_LIKE].map((name) => [name, HeaderKind.DROPPED] as const),
  ["connection", HeaderKind.CONNECTION],
  ["host", HeaderKind.HOST],
  ["content-length", HeaderKind.CONTENT_LENGTH],
  ["transfer-encoding", HeaderKind.TRANSFER_ENCODING],
  ["upgrade", HeaderKind.UPGRADE],
  ["expect", HeaderKind.EXPECT],
  ["te", HeaderKind.TE],
  ["trailer", HeaderKind.TRAILER],
  ["content-type", HeaderKind.CONTENT_TYPE],
  [VISITED_HEADER, HeaderKind.VISITED],
  [UNPROCESSED_HEADER, HeaderKind.UNPROCESSED],
  ["grpc-status", HeaderKind.GRPC_STATUS],
]);

/** Length and first letter tell nearly all other names apart without hashing them: this runs for every field of every message. */
const MAYBE = new Uint8Array(1024);
for (const name of KINDS.keys()) MAYBE[slot(name)] = 1;

function slot(name: string): number {
  return ((name.length & 31) << 5) | (name.charCodeAt(0) & 31);
}

/** What a field of this name, in any spelling, is to a proxy. */
export function headerKind(name: string): HeaderKind {
  if (MAYBE[slot(name)] === 0) return HeaderKind.END_TO_END;
  return KINDS.get(name) ?? KINDS.get(name.toLowerCase()) ?? HeaderKind.END_TO_END;
}

/** Names that a Connection field declares to be hop-by-hop, without the ones that are known anyway. */
export function connectionOptions(value: string): readonly string[] {
  if (KNOWN_OPTIONS.has(value)) return [];
  return value
    .toLowerCase()
    .split(",")
    .map((option) => option.trim())
    .filter((option) => option !== "" && !KNOWN_OPTIONS.has(option));
}

const KNOWN_OPTIONS = new Set(["keep-alive", "Keep-Alive", "close", "upgrade", "Upgrade", "te", "TE"]);

/** The list without all fields of these lower-case names. */
export function without(headers: HeaderList, names: readonly string[]): HeaderList {
  if (names.length === 0) return headers;
  const gone = new Set(names);
  const kept: HeaderList = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (!gone.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? "");
  }
  return kept;
}
