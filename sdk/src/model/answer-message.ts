import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type EndpointSchema, Protocol } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import type { ResolveResponseSchema } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import type { Answer, Endpoint } from "../public/answer.ts";

type ResolveResponseInit = MessageInitShape<typeof ResolveResponseSchema>;

/** An answer that failed for good: what `throw permanent("why")` in a resolver becomes. */
export interface FailedAnswer {
  readonly kind: "failed";
  readonly message: string;
}

/** What a plugin's host gives for an authority. */
export type HostAnswer = Answer | FailedAnswer;

const protocols = { http1: Protocol.HTTP1, http2: Protocol.HTTP2, opaque: Protocol.OPAQUE };

/** The answer as the contract's message. */
export function toResolveResponse(answer: HostAnswer): ResolveResponseInit {
  switch (answer.kind) {
    case "endpoints":
      return { answer: { case: "endpoints", value: { endpoints: answer.endpoints.map(toEndpoint) } } };
    case "absent":
      return {
        answer: { case: "absent", value: answer.ttlMs === undefined ? {} : { ttl: durationFromMs(answer.ttlMs) } },
      };
    case "rewrite":
      return { answer: { case: "rewrite", value: { authority: answer.authority } } };
    case "split":
      return { answer: { case: "split", value: { targets: [...answer.targets] } } };
    case "failed":
      return { answer: { case: "failed", value: { message: answer.message } } };
    case "empty":
      return { answer: { case: "empty", value: {} } };
  }
}

function toEndpoint({
  address,
  port,
  weight,
  zone,
  labels,
  protocol,
  identity,
}: Endpoint): MessageInitShape<typeof EndpointSchema> {
  return {
    address,
    port,
    weight: weight ?? 1,
    zone: zone ?? "",
    labels: { ...labels },
    protocol: protocol !== undefined ? protocols[protocol] : Protocol.UNSPECIFIED,
    identity: identity ?? "",
  };
}
