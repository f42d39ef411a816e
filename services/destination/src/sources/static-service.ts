import { create } from "@bufbuild/protobuf";
import { parseIp, tryParseAuthority, whyNeverEndpoint } from "@patchbay/model";
import { EndpointSchema, Protocol } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { API_VERSION, type ResourceKind, type SpecProblem } from "@patchbay/runtime";
import type { Answer } from "../core/answer.ts";
import { canonicalEndpoints } from "../core/endpoints.ts";

/**
 * `spec` of a StaticService: the authority `metadata.name` in `metadata.namespace` is served by fixed endpoints, or by
 * another authority's. Exactly one of `endpoints` and `rewrite`; an empty list of endpoints means "exists without endpoints".
 */
export interface StaticServiceSpec {
  /** Ports by which the service is asked for. Default: every port. */
  readonly ports?: readonly number[];
  readonly endpoints?: readonly StaticEndpoint[];
  /** An authority such as "people", "people.demo.svc:8080" or "db.corp.example:5432"; names outside the mesh go to DNS. */
  readonly rewrite?: string;
}

export interface StaticEndpoint {
  /** An IP literal. For a name, use `rewrite`. */
  readonly address: string;
  readonly port: number;
  /** Default 1. */
  readonly weight?: number;
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default: as the client speaks. */
  readonly protocol?: "http1" | "http2" | "opaque";
  /** SPIFFE ID that the peer must prove. Default: plain text. */
  readonly identity?: string;
}

const port = { type: "integer", minimum: 1, maximum: 65_535 };

/** JSON Schema of the spec. */
const schema = {
  type: "object",
  properties: {
    ports: { type: "array", items: port, maxItems: 64, uniqueItems: true },
    endpoints: {
      type: "array",
      maxItems: 10_000,
      items: {
        type: "object",
        properties: {
          address: { type: "string", maxLength: 64 },
          port,
          weight: { type: "integer", minimum: 1, maximum: 1_000_000 },
          zone: { type: "string", maxLength: 128 },
          labels: { type: "object", maxProperties: 32, additionalProperties: { type: "string", maxLength: 256 } },
          protocol: { enum: ["http1", "http2", "opaque"] },
          identity: { type: "string", pattern: "^spiffe://[^/]+/.+$", maxLength: 512 },
        },
        required: ["address", "port"],
        additionalProperties: false,
      },
    },
    rewrite: { type: "string", minLength: 1, maxLength: 320 },
  },
  additionalProperties: false,
};

/** What the schema cannot say. The spec fits the schema. */
function check({ endpoints, rewrite }: StaticServiceSpec): readonly SpecProblem[] {
  if ((endpoints === undefined) === (rewrite === undefined)) {
    const message = `spec needs ${endpoints ? "either endpoints or rewrite, not both" : "endpoints or rewrite"}`;
    return [{ path: [], message, hint: "endpoints: [{ address: 127.0.0.1, port: 8080 }], or rewrite: other-service" }];
  }
  return [...checkAddresses(endpoints ?? []), ...(rewrite === undefined ? [] : checkRewrite(rewrite))];
}

function checkAddresses(endpoints: readonly StaticEndpoint[]): readonly SpecProblem[] {
  return endpoints.flatMap(({ address }, index) => {
    const path = ["endpoints", index, "address"];
    const at = `spec.endpoints[${index}].address`;
    const ip = parseIp(address);
    if (ip === undefined)
      return [{ path, message: `${at} "${address}" is not an IP address`, hint: "for a name, use rewrite" }];
    const never = whyNeverEndpoint(ip);
    return never === undefined ? [] : [{ path, message: `${at} ${address} is ${never}`, hint: "" }];
  });
}

function checkRewrite(rewrite: string): readonly SpecProblem[] {
  if (tryParseAuthority(rewrite)) return [];
  const hint = 'an authority such as "people" or "db.corp.example:5432"';
  return [{ path: ["rewrite"], message: `spec.rewrite "${rewrite}" is not an authority`, hint }];
}

export const staticService: ResourceKind<StaticServiceSpec> = {
  kind: "StaticService",
  apiVersion: API_VERSION,
  schema,
  check,
};

const PROTOCOLS: ReadonlyMap<StaticEndpoint["protocol"], Protocol> = new Map([
  ["http1", Protocol.HTTP1],
  ["http2", Protocol.HTTP2],
  ["opaque", Protocol.OPAQUE],
]);

/** The answer of a checked spec. */
export function staticAnswer({ endpoints = [], rewrite }: StaticServiceSpec, namespace: string): Answer {
  const target = rewrite === undefined ? undefined : tryParseAuthority(rewrite, namespace);
  if (target) return { kind: "rewrite", authority: target };
  if (endpoints.length === 0) return { kind: "empty" };
  const messages = endpoints.map(({ protocol, labels, ...endpoint }) =>
    create(EndpointSchema, {
      ...endpoint,
      labels: { ...labels },
      protocol: PROTOCOLS.get(protocol) ?? Protocol.UNSPECIFIED,
    }),
  );
  return { kind: "endpoints", endpoints: canonicalEndpoints(messages) };
}
