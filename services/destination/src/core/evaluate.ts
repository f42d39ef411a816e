import type { Authority } from "@patchbay/model";
import type { Answer, Target } from "./answer.ts";
import { ask, type EffectiveAnswer, effectiveAnswer, type QueryState } from "./query.ts";
import type { Branch, Effect, Evaluation, Outcome, Step } from "./resolution.ts";
import type { ResolverSpec } from "./resolver-spec.ts";
import { detailOf, effectOf, whyOf } from "./why.ts";

/** Longest run of rewrites and splits. */
export const MAX_DEPTH = 16;
/** Authorities that rewrites and splits of one evaluation may lead to: bounds splits of splits. */
const MAX_LED = 256;
/** Reason in a result for a resolver that broke. The text of each failure goes only to Explain, so that a retry is no new result. */
const NO_ANSWER = "does not answer";
/** The sum of weights after nested splits: shares are kept to a millionth. */
const SHARE_UNIT = 1_000_000;

export interface EvaluationInput {
  readonly authority: Authority;
  /** In order. */
  readonly resolvers: readonly ResolverSpec[];
  /** The state of a query; undefined: not asked yet. Called for every resolver that is asked, including those behind the decision. */
  lookup(resolver: ResolverSpec, authority: Authority): QueryState | undefined;
  readonly now: number;
}

/**
 * Resolves an authority by the chain.
 *
 * The first resolver in order whose answer is not "absent" (or "failed", when it fails open) decides. "rewrite" and "split" start
 * the whole chain again under other authorities; while a resolver is pending, none behind it decides.
 */
export function evaluate(input: EvaluationInput): Evaluation {
  const walk: Walk = {
    input,
    steps: [],
    leaves: [],
    led: 0,
    pending: false,
    partial: false,
    usesContext: false,
    until: Number.POSITIVE_INFINITY,
  };
  visit(walk, { authority: input.authority, path: [], vetters: [], stale: false, weight: 1, share: 1, splits: 0 });
  const { steps, pending, partial, usesContext, until } = walk;
  return { branches: branchesOf(walk.leaves), steps, pending, partial, usesContext, until };
}

interface Walk {
  readonly input: EvaluationInput;
  readonly steps: Step[];
  readonly leaves: Leaf[];
  led: number;
  pending: boolean;
  partial: boolean;
  usesContext: boolean;
  until: number;
}

/** Position of the walk, and the way that led there. */
interface Place {
  readonly authority: Authority;
  /** Keys of the authorities that led here, the asked one first. */
  readonly path: readonly string[];
  /** Resolvers that led here and limit where to. */
  readonly vetters: readonly ResolverSpec[];
  readonly stale: boolean;
  /** As given by the only split on the way. */
  readonly weight: number;
  /** Product of the shares of all splits on the way. */
  readonly share: number;
  readonly splits: number;
}

interface Leaf extends Omit<Branch, "weight"> {
  readonly place: Place;
}

interface Heard {
  readonly resolver: ResolverSpec;
  readonly weighed: EffectiveAnswer;
  readonly state: QueryState;
}

function visit(walk: Walk, place: Place): void {
  let decision: Heard | undefined;
  const passedOver: Heard[] = [];
  let decided: StepDraft | undefined;
  for (const resolver of walk.input.resolvers) {
    const skipped = resolver.skips(place.authority, place.path.length > 0);
    if (skipped !== undefined) {
      walk.steps.push(notAsked(place, resolver, { why: skipped, effect: decision ? "unused" : "next" }));
      continue;
    }
    const heard = listen(walk, place, resolver);
    if (decision) {
      walk.steps.push({ ...draftStep(place, heard), effect: "unused", why: whyUnused(decision) });
      continue;
    }
    const step: StepDraft = draftStep(place, heard);
    walk.steps.push(step);
    if (heard.state.partial) walk.partial = true;
    if (step.effect === "next") passedOver.push(heard);
    else {
      decision = heard;
      decided = step;
    }
  }
  if (!decision || !decided) walk.leaves.push(unresolved(place, passedOver));
  else conclude(walk, place, { ...decision, step: decided });
}

function listen(walk: Walk, { authority }: Place, resolver: ResolverSpec): Heard {
  const { now } = walk.input;
  const state = walk.input.lookup(resolver, authority) ?? ask(now);
  const weighed = effectiveAnswer(resolver, state, now);
  walk.until = Math.min(walk.until, weighed.until);
  walk.usesContext ||= resolver.usesContext;
  return { resolver, weighed, state };
}

type StepDraft = { -readonly [Key in keyof Step]: Step[Key] };

function draftStep({ authority, path }: Place, { resolver, weighed, state }: Heard): StepDraft {
  const { answer, fault } = weighed;
  const given = fault ? undefined : state.given;
  return {
    authority: authority.key,
    depth: path.length,
    resolver: resolver.name,
    instance: given?.instance ?? "",
    answer: answer?.kind ?? "pending",
    endpoints: answer?.kind === "endpoints" ? answer.endpoints.length : 0,
    since: fault ? (state.broken?.at ?? state.askedAt + resolver.deadlineMs) : given?.at,
    tookMs: state.tookMs,
    stale: weighed.stale,
    cached: given?.cached ?? false,
    detail: [detailOf(answer), fault ? "" : weighed.detail].filter(Boolean).join("; "),
    effect: effectOf(answer, resolver),
    why: whyOf(weighed, resolver),
  };
}

function notAsked({ authority, path }: Place, { name }: ResolverSpec, verdict: { why: string; effect: Effect }): Step {
  return {
    authority: authority.key,
    depth: path.length,
    resolver: name,
    instance: "",
    answer: "not asked",
    endpoints: 0,
    since: undefined,
    tookMs: undefined,
    stale: false,
    cached: false,
    detail: "",
    ...verdict,
  };
}

function whyUnused({ resolver, weighed }: Heard): string {
  return `${resolver.name} comes before it and ${weighed.answer ? "decided" : "has not answered yet"}`;
}

interface Decision extends Heard {
  readonly step: StepDraft;
}

/** Turns the deciding answer into a leaf, or goes where it leads. */
function conclude(walk: Walk, place: Place, decision: Decision): void {
  const { resolver, weighed } = decision;
  const stale = place.stale || weighed.stale;
  const { answer } = weighed;
  const leaf = (outcome: Outcome, reason: string): void => {
    walk.leaves.push({
      place,
      authority: place.authority.key,
      outcome,
      endpoints: [],
      resolver: resolver.name,
      reason,
      stale,
    });
  };
  switch (answer?.kind) {
    case undefined:
      walk.pending = true;
      return leaf("pending", `waits for ${resolver.name}`);
    case "endpoints":
      return endpointsLeaf(walk, { ...place, stale }, { ...decision, answer });
    case "empty":
      return leaf("empty", answer.detail ?? `${place.authority.shortHost} exists and nobody serves it`);
    case "failed":
      return leaf("failed", weighed.fault ? NO_ANSWER : answer.message);
    case "rewrite":
      return lead(
        walk,
        { ...place, stale },
        { ...decision, targets: [{ authority: answer.authority, weight: 1 }], split: false },
      );
    case "split":
      return lead(walk, { ...place, stale }, { ...decision, targets: answer.targets, split: true });
    case "absent":
      throw new Error("an absent answer decides nothing");
  }
}

function endpointsLeaf(
  walk: Walk,
  place: Place,
  decision: Decision & { answer: Answer & { kind: "endpoints" } },
): void {
  const { resolver, answer, step } = decision;
  const objection = resolver.outside ? objectionOf(place.vetters, answer.endpoints) : undefined;
  const base = { place, authority: place.authority.key, resolver: resolver.name, stale: place.stale };
  if (objection === undefined) {
    walk.leaves.push({ ...base, outcome: "endpoints", endpoints: answer.endpoints, reason: "" });
    return;
  }
  step.why = objection;
  walk.leaves.push({ ...base, outcome: "failed", endpoints: [], reason: objection });
}

function objectionOf(
  vetters: readonly ResolverSpec[],
  endpoints: Parameters<NonNullable<ResolverSpec["vet"]>>[0],
): string | undefined {
  for (const vetter of vetters) {
    const objection = vetter.vet?.(endpoints);
    if (objection !== undefined) return `${vetter.name} led here and may not: ${objection}`;
  }
  return undefined;
}

interface Leading extends Decision {
  readonly targets: readonly Target[];
  readonly split: boolean;
}

/** Starts the chain again under each target that is neither a cycle nor too deep. */
function lead(walk: Walk, place: Place, leading: Leading): void {
  const { resolver, targets, step, split } = leading;
  const path = [...place.path, place.authority.key];
  const fail = (at: Place, reason: string): void => {
    if (!split || targets.length === 1) Object.assign(step, { effect: "stop", why: reason });
    const base = { place: at, authority: at.authority.key, resolver: resolver.name, stale: at.stale };
    walk.leaves.push({ ...base, outcome: "failed", endpoints: [], reason });
  };
  if (walk.led + targets.length > MAX_LED) {
    Object.assign(step, { effect: "stop" });
    return fail(place, `leads to more than ${MAX_LED} authorities`);
  }
  walk.led += targets.length;
  const vetters = resolver.vet && !place.vetters.includes(resolver) ? [...place.vetters, resolver] : place.vetters;
  const sum = targets.reduce((total, { weight }) => total + weight, 0);
  for (const { authority, weight } of targets) {
    const share = split ? { weight, share: (place.share * weight) / sum, splits: place.splits + 1 } : {};
    const next: Place = { ...place, authority, path, vetters, ...share };
    if (path.includes(authority.key)) fail(next, `a cycle: ${[...path, authority.key].join(" → ")}`);
    else if (path.length > MAX_DEPTH) fail(next, `more than ${MAX_DEPTH} rewrites and splits follow each other`);
    else visit(walk, next);
  }
}

/** No resolver decided. A name that the client asked for is "absent", so its proxy may treat it as egress; one that was led to fails. */
function unresolved(place: Place, passedOver: readonly Heard[]): Leaf {
  const remarks = passedOver
    .map(({ resolver, weighed }) => ({
      resolver: resolver.name,
      text: weighed.fault ? NO_ANSWER : detailOf(weighed.answer),
    }))
    .filter(({ text }) => text !== "")
    .map(({ resolver, text }) => `${resolver}: ${text}`);
  const reason = [`no resolver knows ${place.authority.shortHost}`, ...remarks].join("; ");
  const outcome = place.path.length > 0 ? "failed" : "absent";
  return { place, authority: place.authority.key, outcome, endpoints: [], resolver: "", reason, stale: place.stale };
}

function branchesOf(leaves: readonly Leaf[]): readonly Branch[] {
  const nested = leaves.some(({ place }) => place.splits > 1);
  return leaves.map(({ place, ...leaf }) => ({ ...leaf, weight: nested ? scaled(place.share) : place.weight }));
}

/** Shares above 0 stay above 0. */
function scaled(share: number): number {
  return share === 0 ? 0 : Math.max(1, Math.round(share * SHARE_UNIT));
}
