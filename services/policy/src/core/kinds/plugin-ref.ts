import { create } from "@bufbuild/protobuf";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { type PluginRef, PluginRefSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { checkHeaderName } from "../header-names.ts";
import { checkEach, type Path, type SpecProblem } from "../problem.ts";
import { label, list, object, text } from "../schema.ts";

/** A plugin that decides. */
export interface PluginSpec {
  readonly name: string;
  /** Default "default". */
  readonly namespace?: string;
  /** What happens when it does not answer in time. Only the author knows which is right, so there is no default. */
  readonly failurePolicy: "Open" | "Closed";
  /** Request headers that it gets to see. */
  readonly headers?: readonly string[];
}

export const pluginSchema = object(
  { name: label, namespace: label, failurePolicy: { enum: ["Open", "Closed"] }, headers: list(text(256), 32, 0) },
  ["name", "failurePolicy"],
);

export function checkPlugin(plugin: PluginSpec | undefined, path: Path): readonly SpecProblem[] {
  return checkEach(plugin?.headers, [...path, "headers"], checkHeaderName);
}

export function encodePlugin({
  name,
  namespace = DEFAULT_NAMESPACE,
  failurePolicy,
  headers = [],
}: PluginSpec): PluginRef {
  return create(PluginRefSchema, {
    namespace,
    name,
    failurePolicy: failurePolicy === "Open" ? FailurePolicy.OPEN : FailurePolicy.CLOSED,
    headers: [...new Set(headers.map((header) => header.toLowerCase()))].sort(),
  });
}
