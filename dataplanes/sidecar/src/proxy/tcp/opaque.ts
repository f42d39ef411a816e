import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { tryParseAuthority } from "@patchbay/model";
import { backendOf } from "../../core/routing/applied-route.ts";
import type { Endpoint, Pick, Route } from "../../core/types.ts";
import type { Origin } from "../listeners/side.ts";
import { connectMessage } from "../upstream/connect-errors.ts";
import type { Egress } from "../upstream/egress.ts";
import type { UpstreamConnector } from "../upstream/upstream-connector.ts";
import { type Spliced, splice } from "./splice.ts";

/** A connection to where bytes go, made already. */
export interface OpaqueServer {
  readonly socket: Socket;
  readonly tls: boolean;
  readonly pick: Pick | undefined;
  readonly attempts: number;
  readonly connectedMs: number;
}

export interface CarryOptions {
  readonly origin: Origin;
  readonly client: Duplex;
  readonly connector: UpstreamConnector;
  readonly outside: Egress;
  readonly namespace: string;
}

/** Carries an opaque connection to the authority of `origin`. */
export async function carryOpaque(options: CarryOptions): Promise<void> {
  const { origin, client } = options;
  const { side, authority } = origin;
  const startedAt = performance.now();
  const refusal = await side.guard?.connection(origin.peer);
  if (refusal !== undefined) {
    client.destroy();
    side.log.warn({ source: origin.peer.name, policy: refusal.policy }, "an opaque connection was refused");
    return record({ origin, target: authority, startedAt, status: refusal.answer.status, attempts: 1 });
  }
  const route = await side.router.route(authority);
  const server = await connectServer(route, options);
  const backend = backendOf(server?.pick, route);
  if (server !== undefined && !client.destroyed)
    return joinOpaque({ origin, client, server, target: route.target, backend });
  server?.socket.destroy();
  server?.pick?.end(undefined);
  const status = client.destroyed ? 499 : 503;
  client.destroy();
  record({ origin, target: route.target, backend, startedAt, status, attempts: server?.attempts ?? 1 });
  if (status === 503 && route.kind !== "egress")
    side.log.warn({ authority, reason: route.reason }, "no connection for an opaque client");
}

async function connectServer(route: Route, options: CarryOptions): Promise<OpaqueServer | undefined> {
  if (route.kind === "mesh") return connectEndpoint(route, options.origin, options.connector);
  return route.kind === "egress" ? connectOutside(options) : undefined;
}

function connectOutside({ origin, outside, namespace }: CarryOptions): Promise<OpaqueServer | undefined> {
  const startedAt = performance.now();
  const target = tryParseAuthority(origin.authority, namespace);
  if (target === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    outside.tunnel({ host: target.shortHost, port: target.port }, (error, socket) => {
      const connectedMs = performance.now() - startedAt;
      if (socket !== null) return resolve({ socket, tls: false, pick: undefined, attempts: 1, connectedMs });
      origin.side.log.warn(
        { authority: origin.authority, reason: connectMessage(error) },
        "no connection out of the mesh",
      );
      resolve(undefined);
    });
  });
}

type MeshRoute = Extract<Route, { kind: "mesh" }>;

/** One endpoint after another: until a connection stands nothing has been sent, so each may be tried. */
async function connectEndpoint(
  route: MeshRoute,
  origin: Origin,
  connector: UpstreamConnector,
): Promise<OpaqueServer | undefined> {
  const { limits, log, counters } = origin.side;
  const tried = new Set<string>();
  route.retries.deposit();
  for (let attempts = 1; attempts <= limits.maxAttempts; attempts += 1) {
    const pick = route.pick(tried);
    if (pick === undefined || tried.has(pick.key)) {
      pick?.end(undefined);
      return undefined;
    }
    const backend = backendOf(pick, route);
    if (attempts > 1 && !route.retries.withdraw()) {
      route.count?.("retriesDenied", backend);
      pick.end(undefined);
      return undefined;
    }
    if (attempts > 1) {
      counters.retries += 1;
      route.count?.("retries", backend);
    }
    const startedAt = performance.now();
    const { socket, error } = await connect(connector, pick.endpoint);
    const connectedMs = performance.now() - startedAt;
    if (socket !== null) return { socket, tls: pick.endpoint.identity !== "", pick, attempts, connectedMs };
    log.debug({ endpoint: pick.key, reason: connectMessage(error) }, "no connection to an endpoint");
    pick.end({ failed: true, latencyMs: connectedMs });
    route.count?.("refused", backend);
    tried.add(pick.key);
  }
  return undefined;
}

function connect(
  connector: UpstreamConnector,
  endpoint: Endpoint,
): Promise<{ socket: Socket | null; error: Error | null }> {
  return new Promise((resolve) => {
    connector.connect(endpoint, "mesh-opaque/1", (error, socket) => resolve({ socket, error }));
  });
}

export interface JoinOptions {
  readonly origin: Origin;
  readonly client: Duplex;
  readonly server: OpaqueServer;
  readonly target: string;
  /** Service that was chosen for the target; absent or empty: the target itself. */
  readonly backend?: string;
}

/** Joins client and server, and records the connection at its end. */
export function joinOpaque({ origin, client, server, target, backend = "" }: JoinOptions): void {
  const { direction, recorder, counters } = origin.side;
  const tls = direction === "inbound" ? origin.tls : server.tls;
  const startedAt = performance.now();
  counters.opaque += 1;
  recorder.opened({ direction, source: origin.peer.name, target, tls, ...(backend === "" ? {} : { backend }) });
  splice(client, server.socket, (moved) => {
    counters.opaque -= 1;
    server.pick?.end({ failed: false, latencyMs: server.connectedMs });
    record({ origin, target, backend, startedAt, status: 0, attempts: server.attempts, tls, moved });
  });
}

export interface OpaqueRecord {
  readonly origin: Origin;
  readonly target: string;
  readonly backend?: string;
  readonly startedAt: number;
  /** 0: it stood. Else why it did not. */
  readonly status: number;
  readonly attempts: number;
  readonly tls?: boolean;
  readonly moved?: Spliced;
}

/** Writes the one record of an opaque connection. */
export function record({
  origin,
  target,
  backend = "",
  startedAt,
  status,
  attempts,
  tls = false,
  moved,
}: OpaqueRecord): void {
  origin.side.recorder.request({
    direction: origin.side.direction,
    source: origin.peer.name,
    target,
    backend,
    method: "",
    path: "",
    status,
    grpcStatus: undefined,
    tls,
    latencyMs: performance.now() - startedAt,
    requestBytes: moved?.sent ?? 0,
    responseBytes: moved?.received ?? 0,
    attempts,
    opaque: true,
  });
}
