import { create } from "@bufbuild/protobuf";
import { type Origin, OriginSchema } from "@patchbay/proto/mesh/common/v1/origin_pb";

/** A YAML document in the shape of a Kubernetes resource. */
export interface Resource<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec: Spec;
  readonly origin: Origin;
}

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339 in UTC; where Gateway API prefers the oldest. */
  readonly creationTimestamp?: string;
}

/** Something wrong, at a place that a person can go to. */
export interface Problem {
  readonly origin: Origin;
  /** Of the resource that is wrong. Empty: it cannot be said, as of a file that is no YAML. */
  readonly kind: string;
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
}

/** What is wrong with a spec although it fits its schema. */
export interface SpecProblem {
  /** Within the spec. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
}

/** How a service reads resources of a kind. */
export interface ResourceKind<Spec = unknown> {
  readonly kind: string;
  readonly apiVersion: string;
  /** JSON Schema of `spec`. */
  readonly schema: object;
  /** What no schema can say; called with a spec that fits the schema. */
  check?(spec: Spec): readonly SpecProblem[];
}

/** A line of a file, counted from 1; 0: the whole file. */
export function fileOrigin(path: string, line: number): Origin {
  return create(OriginSchema, { source: { case: "file", value: { path, line } } });
}

/** Per file: each problem is logged and travels in every status answer. */
const MAX_PROBLEMS = 50;

/** The first ones, and how many there are beside them. */
export function few(problems: readonly Problem[]): readonly Problem[] {
  const next = problems[MAX_PROBLEMS];
  if (next === undefined) return problems;
  const message = `${problems.length - MAX_PROBLEMS} more problems from here on`;
  return [...problems.slice(0, MAX_PROBLEMS), { ...next, message, hint: "mend the first ones, then look again" }];
}
