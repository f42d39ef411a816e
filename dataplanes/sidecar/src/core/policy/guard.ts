import type { HeaderList } from "@patchbay/model";
import type { LocalReply } from "../http/local-reply.ts";
import type { RequestHead } from "../http/request-head.ts";

/** The peer of a connection. */
export interface Peer {
  /** As telemetry names it: this workload outbound; the proven name, or "unknown", inbound. */
  readonly name: string;
  /** SPIFFE ID, proven by its certificate; empty: no proof. */
  readonly identity: string;
  /** "address:port" of its socket; empty when it is gone. */
  readonly address: string;
}

/** Why something may not come in. */
export interface Refusal {
  readonly answer: LocalReply;
  /** Fields of the answer, such as `retry-after`. */
  readonly extra: HeaderList;
  /** "AuthorizationPolicy production/no-staging"; "default" for the mesh's own. */
  readonly policy: string;
}

/** Undefined: it may come in. A promise only when a plugin has to be asked; it never rejects. */
export type Verdict = Refusal | undefined | Promise<Refusal | undefined>;

/** Decides what may come in to the program. */
export interface Guard {
  request(head: RequestHead, peer: Peer, version: 1 | 2): Verdict;
  /** An opaque connection. */
  connection(peer: Peer): Verdict;
}
