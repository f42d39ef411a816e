import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  Answer,
  Effect,
  type ExplainResponse,
  ExplainResponseSchema,
  type Step as StepMessage,
  StepSchema,
} from "@patchbay/proto/mesh/destination/v1/destination_pb";
import type { Step } from "../core/resolution.ts";
import type { Explained } from "../engine/watches.ts";

const ANSWERS: Readonly<Record<Step["answer"], Answer>> = {
  endpoints: Answer.ENDPOINTS,
  empty: Answer.EMPTY,
  absent: Answer.ABSENT,
  failed: Answer.FAILED,
  rewrite: Answer.REWRITE,
  split: Answer.SPLIT,
  pending: Answer.PENDING,
  "not asked": Answer.NOT_ASKED,
};

const EFFECTS: Readonly<Record<Step["effect"], Effect>> = {
  stop: Effect.STOP,
  next: Effect.NEXT,
  restart: Effect.RESTART,
  unused: Effect.UNUSED,
  wait: Effect.WAIT,
};

export function encodeExplanation({ update, evaluation, watchers }: Explained, now: number): ExplainResponse {
  return create(ExplainResponseSchema, {
    resolution: update.message,
    steps: evaluation.steps.map((step) => encodeStep(step, now)),
    watchers,
  });
}

function encodeStep(step: Step, now: number): StepMessage {
  const { authority, depth, resolver, instance, endpoints, since, tookMs, stale, cached, detail, why } = step;
  return create(StepSchema, {
    authority,
    depth,
    resolver,
    instance,
    answer: ANSWERS[step.answer],
    endpoints,
    stale,
    cached,
    detail,
    effect: EFFECTS[step.effect],
    why,
    ...(since === undefined ? {} : { age: durationFromMs(Math.max(0, now - since)) }),
    ...(tookMs === undefined ? {} : { took: durationFromMs(Math.max(0, tookMs)) }),
  });
}
