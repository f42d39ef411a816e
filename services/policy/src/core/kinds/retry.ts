import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Retry, RetrySchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { checkDuration, durationMs, durationSchema } from "../duration.ts";
import { checkEach, type Path, problem, type SpecProblem } from "../problem.ts";
import { list, object } from "../schema.ts";

/** Gateway API's experimental retry. Of a GRPCRoute, `codes` are gRPC statuses by name or number. */
export interface RetrySpec<Code = number> {
  readonly codes?: readonly Code[];
  /** Tries beside the first. Default 1. */
  readonly attempts?: number;
  /** Least pause before a further try. Default 25 ms. */
  readonly backoff?: string;
}

const BACKOFF_MS = 25;
const attempts = { type: "integer", minimum: 0, maximum: 10 };

export const httpRetrySchema = object({
  codes: list({ type: "integer", minimum: 400, maximum: 599 }, 16, 0),
  attempts,
  backoff: durationSchema,
});

export const grpcRetrySchema = object({
  codes: list({ type: ["string", "integer"] }, 16, 0),
  attempts,
  backoff: durationSchema,
});

/** In the order of their numbers (grpc/doc/statuscodes.md). */
const GRPC_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** The number of a status that is not OK; undefined when there is none. */
function grpcCode(code: string | number): number | undefined {
  const number = typeof code === "number" ? code : GRPC_NAMES.indexOf(code.toUpperCase().replaceAll("-", "_"));
  return number > 0 && number < GRPC_NAMES.length ? number : undefined;
}

export function checkRetry(retry: RetrySpec<string | number> | undefined, path: Path): readonly SpecProblem[] {
  return checkDuration(retry?.backoff, [...path, "backoff"], { mostMs: 60_000 });
}

export function checkGrpcRetry(retry: RetrySpec<string | number> | undefined, path: Path): readonly SpecProblem[] {
  const checkCode = (code: string | number, at: Path): readonly SpecProblem[] =>
    grpcCode(code) === undefined
      ? [problem(at, `${JSON.stringify(code)} is no gRPC status to retry`, "such as UNAVAILABLE")]
      : [];
  return [...checkRetry(retry, path), ...checkEach(retry?.codes, [...path, "codes"], checkCode)];
}

export function encodeRetry(spec: RetrySpec | undefined): Retry | undefined {
  return spec && create(RetrySchema, { ...common(spec), codes: sorted(spec.codes ?? []) });
}

export function encodeGrpcRetry(spec: RetrySpec<string | number> | undefined): Retry | undefined {
  return (
    spec &&
    create(RetrySchema, { ...common(spec), grpcCodes: sorted((spec.codes ?? []).map((code) => grpcCode(code) ?? 0)) })
  );
}

function common({ attempts: tries = 1, backoff }: RetrySpec<string | number>) {
  return { attempts: tries, backoff: durationFromMs(backoff === undefined ? BACKOFF_MS : durationMs(backoff)) };
}

function sorted(codes: readonly number[]): number[] {
  return [...new Set(codes)].sort((a, b) => a - b);
}
