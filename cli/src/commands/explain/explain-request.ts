import { text as textOf } from "node:stream/consumers";
import { identityOf, joinHostPort, tryParseAuthority } from "@patchbay/model";
import { Destination, type ExplainResponse as Resolved } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { type ExplainResponse, Policy, RequestDecision } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { connectMesh, type MeshConnection } from "../../connect.ts";
import { exitCodes } from "../../errors.ts";
import { lineWidth, type OutputOption, print, printJson } from "../../output/output.ts";
import { requestJson, requestLines } from "./request-rows.ts";
import { readRequest, type WrittenRequest } from "./request-text.ts";
import { isServed } from "./resolution.ts";

export interface ExplainRequestOptions extends OutputOption {
  readonly namespace: string;
  readonly header?: Readonly<Record<string, string>>;
}

/** What would happen to a request: the route, each policy, the limits, and who could serve it. "-": from standard input. */
export async function explainRequest(text: string, options: ExplainRequestOptions): Promise<void> {
  const request = readRequest(text === "-" ? await textOf(process.stdin) : text, options.header);
  using mesh = await connectMesh();
  const policy = await mesh.service("policy", Policy);
  const decided = await policy.explain(inNamespace(request, options.namespace));
  const resolved = await resolve(mesh, decided, { request, options });
  if (options.output === "json") printJson(requestJson(request, decided, resolved));
  else print(...requestLines({ request, decided, resolved, width: lineWidth() }));
  const passes = decided.decision === RequestDecision.ALLOWED || decided.decision === RequestDecision.ASK;
  if (!passes || !resolved.every(({ resolution }) => resolution && isServed(resolution)))
    process.exitCode = exitCodes.failure;
}

/** A caller without a namespace gets that of `-n`; an authority of one label is resolved in the caller's namespace. */
export function inNamespace(request: WrittenRequest, namespace: string): WrittenRequest {
  const { source, authority } = request;
  if (source !== "") return /^[^./]+$/.test(source) ? { ...request, source: `${source}.${namespace}` } : request;
  const meant = tryParseAuthority(authority, namespace);
  // What is no authority is refused by the mesh, with the reason; else the host stays as written, since rules may look at it.
  if (meant === undefined || meant.key === tryParseAuthority(authority)?.key) return request;
  return { ...request, authority: joinHostPort(meant.shortHost, meant.port) };
}

interface Asked {
  readonly request: WrittenRequest;
  readonly options: ExplainRequestOptions;
}

/** The chain's answer for every backend that the route may choose; without a route, for the authority itself. */
async function resolve(
  mesh: MeshConnection,
  decided: ExplainResponse,
  { request, options }: Asked,
): Promise<Resolved[]> {
  const destination = await mesh.service("destination", Destination);
  const backends = decided.route?.backends.filter(({ weight }) => weight > 0).map(({ authority }) => authority) ?? [];
  const authorities = backends.length > 0 ? backends : [request.authority];
  const { namespace } = identityOf(decided.sourceIdentity);
  const context = { namespace: namespace === "" ? options.namespace : namespace };
  return Promise.all(authorities.map((authority) => destination.explain({ authority, context })));
}
