import type { Answer } from "./answer.ts";
import type { ClientContext } from "./authority.ts";
import type { Decision, Lease } from "./decision.ts";
import type { AuthorizeRequest, Plugin, RatelimitRequest } from "./plugin.ts";
import type { EndpointChange, PluginChange, Report, ReportRow } from "./report.ts";
import type { Served, ServeOptions } from "./serve.ts";
import type { SloChange } from "./slo.ts";

/** How a plugin starts in a test. */
export interface TestOptions {
  /** Checked against the plugin's schema, defaults filled in. */
  readonly config?: unknown;
}

/** A plugin that runs in this process, without a mesh or a network. */
export interface TestPlugin {
  /** The configuration that handlers get. */
  readonly config: unknown;
  /** The first answer to an authority such as `"users"` or `"users:80"`. Rejects when the resolver throws or errs. */
  resolve(authority: string, options?: ResolveTestOptions): Promise<Answer>;
  /** Every answer, until it is stopped: `await watch.next()`, or `for await`. */
  watch(authority: string, options?: ResolveTestOptions): TestWatch;
  /** The authorizer's answer to a request; what is left out is filled in. Rejects when it throws, errs or is late. */
  authorize(request?: TestRequest): Promise<Decision>;
  /** The rate limiter's answer to a proxy's question; what is left out is filled in. Rejects as authorize() does. */
  ratelimit(request?: Partial<RatelimitRequest>): Promise<Lease>;
  /** Hands an event to the plugin's handler, with what is left out filled in, and returns its outcome. */
  readonly deliver: {
    report(report?: PartialReport, options?: DeliverOptions): Promise<Outcome>;
    endpoint(change?: Partial<EndpointChange>, options?: DeliverOptions): Promise<Outcome>;
    plugin(change?: Partial<PluginChange>, options?: DeliverOptions): Promise<Outcome>;
    slo(change?: Partial<SloChange>, options?: DeliverOptions): Promise<Outcome>;
  };
  /** What the plugin logged, oldest first. */
  readonly logs: readonly TestLogLine[];
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The part of a request that a test of an authorizer cares about. */
export interface TestRequest extends Partial<Omit<AuthorizeRequest, "source" | "target">> {
  /** `"web"`, `"staging/web"` or a SPIFFE ID; `""` for a caller without proof. Default `"web"`. */
  readonly source?: string;
  /** `"users"` or `"staging/users"`. Default `"users"`. */
  readonly target?: string;
}

/** How a question is put in a test. */
export interface ResolveTestOptions {
  /** How long to wait for an answer, in milliseconds. Default 2000, as in the mesh. */
  readonly timeoutMs?: number;
  readonly client?: Partial<ClientContext>;
}

/** An authority that is watched, as a proxy does. */
export interface TestWatch extends AsyncIterable<Answer> {
  /** The next answer. */
  next(): Promise<Answer>;
  /** Ends the watch, as the last proxy does that leaves. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The part of a report that a test cares about. */
export type PartialReport = Partial<Omit<Report, "rows">> & { readonly rows?: readonly Partial<ReportRow>[] };

/** How an event is delivered in a test. */
export interface DeliverOptions {
  /** 1 for the first delivery (default); the last one, 5, dead-letters a failing event. */
  readonly attempt?: number;
}

/** How a delivery was acknowledged. */
export type Outcome =
  | { readonly status: "acked" }
  | { readonly status: "retried"; readonly afterMs: number; readonly reason: string }
  | { readonly status: "dead"; readonly reason: string };

/** A line that the plugin logged. */
export interface TestLogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How a real mesh starts in a test. */
export interface MeshOptions {
  /** Port of the mesh. Default: a free one. */
  readonly port?: number;
}

/** A small real mesh: control plane and nats-server, with its own state folder. */
export interface TestMesh {
  /** Such as `"http://127.0.0.1:40123"`. */
  readonly address: string;
  /** For commands: `MESH_STATE_DIR`. */
  readonly stateDir: string;
  /** Serves a plugin in this mesh, from this process; `ready()` of what it gives settles when the mesh uses it. */
  serve(plugin: Plugin, options?: ServeOptions): Promise<Served>;
  /** Stops what serve() began, and the mesh. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
