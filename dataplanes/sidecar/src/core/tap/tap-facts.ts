import {
  DEFAULT_PORT,
  hostAndPort,
  identityOf,
  normalizePath,
  parseServiceKey,
  parseWorkloadName,
  type RequestFacts,
  type ResponseFacts,
  routeOf,
  type SourceFacts,
  type TargetFacts,
  tryParseAuthority,
  workloadName,
} from "@patchbay/model";
import { redacted } from "@patchbay/rules";
import type { ResponseHead } from "../http/response-head.ts";
import type { RequestRecord } from "../types.ts";
import type { ObservedRequest } from "./request-observer.ts";

/** The workload of the proxy. */
export interface TapSelf {
  readonly service: string;
  readonly namespace: string;
  /** SPIFFE ID; empty before the first certificate. */
  identity(): string;
}

const NO_HEADERS: readonly string[] = [];

/**
 * A request as selectors see it. Most look at little of it, so everything is worked out when it is asked for, once. Secrets are
 * replaced before an expression could guess at them.
 */
export class TapFacts implements RequestFacts {
  readonly begun: ObservedRequest;
  readonly #self: TapSelf;
  #path: ReturnType<typeof normalizePath> | undefined;
  #headers: readonly string[] | undefined;
  #source: SourceFacts | undefined;
  #target: TargetFacts | undefined;
  #authority: ReturnType<typeof tryParseAuthority> | null = null;
  #record: RequestRecord | undefined;

  constructor(begun: ObservedRequest, self: TapSelf) {
    this.begun = begun;
    this.#self = self;
  }

  /** The end of the request says more about where it went. */
  complete(record: RequestRecord): void {
    this.#record = record;
    this.#target = undefined;
  }

  get method(): string {
    return this.begun.head.method;
  }

  get path(): string {
    this.#path ??= normalizePath(this.begun.head.path);
    return this.#path.bare;
  }

  get query(): string {
    this.#path ??= normalizePath(this.begun.head.path);
    return this.#path.query;
  }

  get host(): string {
    return hostAndPort(this.begun.authority).host;
  }

  get port(): number {
    return hostAndPort(this.begun.authority).port ?? DEFAULT_PORT;
  }

  get headers(): readonly string[] {
    this.#headers ??= redacted(this.begun.head.headers);
    return this.#headers;
  }

  get protocol(): RequestFacts["protocol"] {
    if (this.begun.head.grpc) return "grpc";
    return this.begun.version === 1 ? "http/1.1" : "http/2";
  }

  get source(): SourceFacts {
    this.#source ??= this.#whoCalls();
    return this.#source;
  }

  get target(): TargetFacts {
    this.#target ??= this.#whoIsCalled();
    return this.#target;
  }

  get tls(): boolean {
    return this.#record?.tls ?? this.begun.peer.identity !== "";
  }

  get direction(): RequestFacts["direction"] {
    return this.begun.direction;
  }

  get route(): string {
    const { method, path, grpc } = this.begun.head;
    return routeOf({ method, path, grpc });
  }

  /** As telemetry names it, such as "users.staging". */
  get targetName(): string {
    if (this.#record !== undefined) return this.#record.target;
    if (this.begun.direction === "inbound")
      return workloadName({ namespace: this.#self.namespace, name: this.#self.service });
    return this.#parsed()?.shortHost ?? this.begun.authority;
  }

  #parsed() {
    if (this.#authority === null) this.#authority = tryParseAuthority(this.begun.authority, this.#self.namespace);
    return this.#authority;
  }

  #whoCalls(): SourceFacts {
    const { direction, peer } = this.begun;
    if (direction === "inbound") return { ...identityOf(peer.identity), address: peer.address };
    const { service, namespace } = this.#self;
    return { identity: this.#self.identity(), service, namespace, address: peer.address };
  }

  #whoIsCalled(): TargetFacts {
    const { backend = "", endpoint = "" } = this.#record ?? {};
    const { namespace, name } = parseWorkloadName(this.targetName) ?? { namespace: "", name: this.targetName };
    return { namespace, service: name, backend, address: endpoint };
  }
}

/** The telemetry name of a selector's "namespace/name". */
export function selectedName(selected: string): string {
  return workloadName(parseServiceKey(selected));
}

/** The outcome of a request, as selectors see it. A class: one is made per request, and getters of a literal are made each time. */
export class AnswerFacts implements ResponseFacts {
  readonly #record: RequestRecord;
  readonly #head: ResponseHead | undefined;

  constructor(record: RequestRecord, head: ResponseHead | undefined) {
    this.#record = record;
    this.#head = head;
  }

  get code(): number {
    return this.#record.status;
  }

  get grpcStatus(): number | undefined {
    return this.#record.grpcStatus;
  }

  get latencyMs(): number {
    return this.#record.latencyMs;
  }

  get requestBytes(): number {
    return this.#record.requestBytes;
  }

  get responseBytes(): number {
    return this.#record.responseBytes;
  }

  get headers(): readonly string[] {
    return this.#head === undefined ? NO_HEADERS : redacted(this.#head.headers);
  }

  get attempts(): number {
    return this.#record.attempts;
  }

  get error(): string {
    return this.#record.error ?? "";
  }

  get traceId(): string {
    return this.#record.trace?.traceId ?? "";
  }
}
