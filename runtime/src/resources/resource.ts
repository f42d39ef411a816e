import { create } from "@bufbuild/protobuf";
import { type Origin, OriginSchema } from "@patchbay/proto/mesh/common/v1/origin_pb";

/** A YAML document in the shape of a Kubernetes resource. */
export interface Resource<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    /** RFC 3339 in UTC; where Gateway API prefers the oldest. */
    readonly creationTimestamp?: string;
  };
  readonly spec: Spec;
  readonly origin: Origin;
}

/** Something wrong, at a place that a person can go to. */
export interface Problem {
  readonly origin: Origin;
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
}

/** A line of a file, counted from 1; 0: the whole file. */
export function fileOrigin(path: string, line: number): Origin {
  return create(OriginSchema, { source: { case: "file", value: { path, line } } });
}
