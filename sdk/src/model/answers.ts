import type {
  AbsentAnswer,
  AbsentOptions,
  EmptyAnswer,
  Endpoint,
  EndpointsAnswer,
  RewriteAnswer,
  SplitAnswer,
  SplitTarget,
} from "../public/answer.ts";
import { checkAnswer } from "./answer-check.ts";
import { readDuration } from "./duration.ts";
import { readEndpoints } from "./endpoint-check.ts";

/**
 * These addresses serve the authority. Each is `"10.0.0.1:80"`, `"[fd00::1]:80"` or an object with `address` and `port`.
 * At least one, at most 10,000; say `empty()` when there is none. Throws a PluginMistake that names the wrong one.
 */
export function endpoints(list: Iterable<string | Endpoint>): EndpointsAnswer {
  return { kind: "endpoints", endpoints: readEndpoints(list) };
}

/** The authority exists but has no endpoints: the chain stops, requests fail with 503. */
export function empty(): EmptyAnswer {
  return { kind: "empty" };
}

/** Not mine: the next resolver of the chain is asked. With `ttl` the mesh caches the answer for so long instead of watching. */
export function absent(options: AbsentOptions = {}): AbsentAnswer {
  if (options.ttl === undefined) return { kind: "absent" };
  return { kind: "absent", ttlMs: readDuration(options.ttl, "absent({ ttl })") };
}

/** The chain starts again under another authority, such as `"web"` or `"users.v2:8080"`. At most 16 deep. */
export function rewrite(authority: string): RewriteAnswer {
  const answer: RewriteAnswer = { kind: "rewrite", authority };
  checkAnswer(answer);
  return answer;
}

/** Divides requests: `split([{ authority: "users-v1", weight: 9 }, { authority: "users-v2", weight: 1 }])`. At most 64. */
export function split(targets: readonly SplitTarget[]): SplitAnswer {
  const answer: SplitAnswer = { kind: "split", targets: [...targets] };
  checkAnswer(answer);
  return answer;
}
