import type { Answer } from "./answer.ts";
import type { EffectiveAnswer } from "./query.ts";
import type { Effect } from "./resolution.ts";
import type { ResolverSpec } from "./resolver-spec.ts";

/** What the chain does with an answer when no earlier resolver decided. */
export function effectOf(answer: Answer | undefined, { failOpen }: Pick<ResolverSpec, "failOpen">): Effect {
  switch (answer?.kind) {
    case undefined:
      return "wait";
    case "endpoints":
    case "empty":
      return "stop";
    case "absent":
      return "next";
    case "failed":
      return failOpen ? "next" : "stop";
    case "rewrite":
    case "split":
      return "restart";
  }
}

/** The reason for the effect, in one sentence. */
export function whyOf({ answer }: EffectiveAnswer, { failOpen }: Pick<ResolverSpec, "failOpen">): string {
  switch (answer?.kind) {
    case undefined:
      return "the chain waits for it: later resolvers count only when it has answered or passed its deadline";
    case "endpoints":
      return "it is the first in order that has endpoints";
    case "empty":
      return "the authority exists and nobody serves it: later resolvers are not tried";
    case "absent":
      return "not its own: the next resolver counts";
    case "failed":
      return failOpen ? "it fails open: the next resolver counts" : "it fails closed: the chain stops";
    case "rewrite":
      return `the chain starts again under ${answer.authority.key}`;
    case "split":
      return `the chain starts again under ${splitText(answer.targets)}`;
  }
}

/** The content of the answer, for people. */
export function detailOf(answer: Answer | undefined): string {
  switch (answer?.kind) {
    case "failed":
      return answer.message;
    case "empty":
    case "absent":
      return answer.detail ?? "";
    case "rewrite":
      return answer.authority.key;
    case "split":
      return splitText(answer.targets);
    default:
      return "";
  }
}

function splitText(targets: readonly { authority: { key: string }; weight: number }[]): string {
  const shown = targets.slice(0, 4).map(({ authority, weight }) => `${authority.key} (${weight})`);
  const rest = targets.length - shown.length;
  return `${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
