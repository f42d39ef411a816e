import { identityOf, type RequestFacts, type ResponseFacts } from "@patchbay/model";

/** A request of web to users, with what differs. */
export function requestFacts(
  differing: Partial<Omit<RequestFacts, "source">> & { readonly source?: string } = {},
): RequestFacts {
  const { source = "spiffe://cluster.local/ns/web/sa/front", ...others } = differing;
  return {
    method: "GET",
    path: "/",
    query: "",
    host: "users",
    headers: [],
    protocol: "http/2",
    target: { namespace: "default", service: "users" },
    tls: source !== "",
    direction: "inbound",
    ...others,
    source: { ...identityOf(source), address: "127.0.0.1:40000" },
  };
}

/** A response 200, with what differs. */
export function responseFacts(differing: Partial<ResponseFacts> = {}): ResponseFacts {
  return {
    code: 200,
    grpcStatus: undefined,
    latencyMs: 12.5,
    requestBytes: 10,
    responseBytes: 2_000,
    headers: ["Content-Type", "text/plain"],
    attempts: 1,
    error: "",
    traceId: "",
    ...differing,
  };
}
