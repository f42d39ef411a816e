import type { Query } from "../core/chain.ts";
import type { ResolverEvent } from "../core/query.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";

/** Takes in what a link says about one question. */
export type OnResolverEvent = (event: ResolverEvent) => void;

/** A source of answers, as the watches use it. The same object as long as it is the same link. */
export interface Resolver {
  readonly spec: ResolverSpec;
  /** Suffixes of authorities that it is asked for; empty: every one. */
  readonly suffixes: readonly string[];
  /** Not ready: asked all the same; `reason` may also carry a remark while ready. */
  status(): { readonly ready: boolean; readonly reason: string };
  /** Begins to answer; may tell at once. Returns how to stop. */
  ask(question: Query, tell: OnResolverEvent): () => void;
}
