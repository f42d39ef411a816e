import type { Question } from "../core/chain.ts";
import type { LinkSpec } from "../core/link.ts";
import type { LinkEvent } from "../core/question.ts";

/** Takes in what a link says about one question. */
export type Tell = (event: LinkEvent) => void;

/** A source of answers, as the watches use it. The same object as long as it is the same link. */
export interface Link {
  readonly spec: LinkSpec;
  /** Suffixes of authorities that it is asked for; empty: every one. */
  readonly suffixes: readonly string[];
  /** Not ready: asked all the same; `reason` may also carry a remark while ready. */
  status(): { readonly ready: boolean; readonly reason: string };
  /** Begins to answer; may tell at once. Returns how to stop. */
  ask(question: Question, tell: Tell): () => void;
}
