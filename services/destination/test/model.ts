import type { Authority } from "@patchbay/model";
import type { Answer } from "../src/core/answer.ts";
import type { ResolverEvent } from "../src/core/query.ts";
import type { ResolverSpec } from "../src/core/resolver-spec.ts";

/**
 * The chain as one would explain it on a whiteboard: everything is recomputed from the whole history at each look, nothing is
 * kept, nothing is shared. It is the yardstick for the real one.
 */
export interface Model {
  resolvers: readonly ResolverSpec[];
  readonly watched: Map<string, Authority>;
  /** Queries that are open, with everything heard since. */
  readonly history: Map<
    string,
    { readonly openedAt: number; readonly heard: { readonly at: number; readonly event: ResolverEvent }[] }
  >;
}

export interface ModelBranch {
  readonly weight: number;
  readonly authority: string;
  readonly outcome: string;
  readonly addresses: readonly string[];
  readonly resolver: string;
  readonly stale: boolean;
}

export interface ModelResult {
  readonly branches: readonly ModelBranch[];
  readonly pending: boolean;
  readonly partial: boolean;
}

export function createModel(): Model {
  return { resolvers: [], watched: new Map(), history: new Map() };
}

export function modelId(resolver: string, authority: string): string {
  return `${resolver} asked for ${authority}`;
}

/** Opens what is needed and forgets what is not. */
export function modelSettle(model: Model, now: number): void {
  const needed = new Set<string>();
  for (const authority of model.watched.values()) walk(model, authority, { now, need: (id) => needed.add(id) });
  for (const id of model.history.keys()) if (!needed.has(id)) model.history.delete(id);
  for (const id of needed) if (!model.history.has(id)) model.history.set(id, { openedAt: now, heard: [] });
}

export function modelHear(model: Model, id: string, heard: { at: number; event: ResolverEvent }): void {
  model.history.get(id)?.heard.push(heard);
}

export function modelResult(model: Model, authority: Authority, now: number): ModelResult {
  return walk(model, authority, { now, need: () => undefined });
}

interface Look {
  readonly now: number;
  need(id: string): unknown;
}

interface Verdict {
  readonly answer: Answer | "pending";
  readonly stale: boolean;
  readonly partial: boolean;
}

function verdictOf(
  model: Model,
  resolver: ResolverSpec,
  { authority, now }: { authority: Authority; now: number },
): Verdict {
  const history = model.history.get(modelId(resolver.name, authority.key)) ?? { openedAt: now, heard: [] };
  const heard = history.heard.filter(({ at }) => at <= now);
  const partial = heard.reduce((before, { event }) => {
    if (event.kind === "answer") return event.partial ?? false;
    return event.kind === "waiting" ? (event.partial ?? before) : before;
  }, false);
  const lastAnswer = heard.findLastIndex(({ event }) => event.kind === "answer");
  const answered = heard[lastAnswer]?.event;
  const breaks = heard.slice(lastAnswer + 1).filter(({ event }) => event.kind === "broken");
  const firstBreak = breaks[0];
  const lastBreak = breaks.at(-1)?.event;
  const failure: Answer = { kind: "failed", message: "" };
  if (answered?.kind === "answer") {
    if (!firstBreak) return { answer: answered.answer, stale: answered.stale ?? false, partial };
    const kept = now < firstBreak.at + resolver.staleForMs;
    return { answer: kept ? answered.answer : failure, stale: kept, partial };
  }
  if (lastBreak?.kind === "broken" && lastBreak.hard) return { answer: failure, stale: false, partial };
  return { answer: now < history.openedAt + resolver.deadlineMs ? "pending" : failure, stale: false, partial };
}

interface Share {
  readonly weight: number;
  readonly share: number;
  readonly splits: number;
}

function walk(model: Model, root: Authority, look: Look): ModelResult {
  let pending = false;
  let partial = false;
  let led = 0;
  const resolvers = [...model.resolvers].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));

  type Leaf = Omit<ModelBranch, "weight"> & { share: Share };
  const visit = (
    authority: Authority,
    path: readonly string[],
    { stale, share }: { stale: boolean; share: Share },
  ): Leaf[] => {
    const leaf = (outcome: string, resolver: string, isStale: boolean): Leaf[] => [
      { authority: authority.key, outcome, addresses: [], resolver, stale: isStale, share },
    ];
    const asked = resolvers.filter((resolver) => resolver.skips(authority, path.length > 0) === undefined);
    for (const resolver of asked) look.need(modelId(resolver.name, authority.key));
    for (const resolver of asked) {
      const verdict = verdictOf(model, resolver, { authority, now: look.now });
      partial ||= verdict.partial;
      const nowStale = stale || verdict.stale;
      if (verdict.answer === "pending") {
        pending = true;
        return leaf("pending", resolver.name, nowStale);
      }
      const { answer } = verdict;
      if (answer.kind === "absent" || (answer.kind === "failed" && resolver.failOpen)) continue;
      if (answer.kind === "empty" || answer.kind === "failed") return leaf(answer.kind, resolver.name, nowStale);
      if (answer.kind === "endpoints") {
        const addresses = answer.endpoints.map((endpoint) => `${endpoint.address}:${endpoint.port}`);
        return [
          {
            authority: authority.key,
            outcome: "endpoints",
            addresses,
            resolver: resolver.name,
            stale: nowStale,
            share,
          },
        ];
      }
      const targets = answer.kind === "rewrite" ? [{ authority: answer.authority, weight: 1 }] : answer.targets;
      if (led + targets.length > 256) return leaf("failed", resolver.name, nowStale);
      led += targets.length;
      const total = targets.map((target) => target.weight).reduce((sum, weight) => sum + weight);
      return targets.flatMap((target) => {
        const next =
          answer.kind === "rewrite"
            ? share
            : { weight: target.weight, share: (share.share * target.weight) / total, splits: share.splits + 1 };
        const steps = [...path, authority.key];
        const bad = steps.includes(target.authority.key) || steps.length > 16;
        if (!bad) return visit(target.authority, steps, { stale: nowStale, share: next });
        return [
          {
            authority: target.authority.key,
            outcome: "failed",
            addresses: [],
            resolver: resolver.name,
            stale: nowStale,
            share: next,
          },
        ];
      });
    }
    return leaf(path.length > 0 ? "failed" : "absent", "", stale);
  };

  const leaves = visit(root, [], { stale: false, share: { weight: 1, share: 1, splits: 0 } });
  const nested = leaves.some((leaf) => leaf.share.splits > 1);
  const branches = leaves.map(({ share, ...leaf }) => {
    const scaled = share.share === 0 ? 0 : Math.max(1, Math.round(share.share * 1e6));
    return { ...leaf, weight: nested ? scaled : share.weight };
  });
  return { branches, pending, partial };
}
