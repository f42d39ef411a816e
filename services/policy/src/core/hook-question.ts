import { create } from "@bufbuild/protobuf";
import { AnswerError } from "@patchbay/model";
import {
  type PolicyRef,
  type RequestAttributes,
  RequestAttributesSchema,
} from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  type AuthorizeRequest,
  type AuthorizeResponse,
  DenySchema,
} from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import type { LeaseResponse } from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import type { PluginRef } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { policyName, wasTold } from "@patchbay/rules";

/**
 * The plugin that is asked, and the headers that it is shown. Part of every key: another plugin may answer otherwise, and an
 * answer says nothing about headers that its plugin was not shown.
 */
export type AskedPlugin = Pick<PluginRef, "namespace" | "name" | "headers">;

/** Key of a question to an authorizer: equal questions share one call. */
export function questionKey(question: AuthorizeRequest, { namespace, name, headers: shown }: AskedPlugin): string {
  const { sourceIdentity, target, method, path, headers } = attributesOf(question);
  const sorted = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    namespace,
    name,
    policyName(question.policy),
    sourceIdentity,
    target,
    method,
    path,
    sorted,
    shown,
  ]);
}

/** Key of what every answer depends on, beside its own `vary`. */
export function subjectKey(policy: PolicyRef | undefined, { namespace, name, headers }: AskedPlugin): string {
  return JSON.stringify([namespace, name, policyName(policy), headers]);
}

/** The request attributes of a question; empty ones when it has none. */
export function attributesOf({ request }: AuthorizeRequest): RequestAttributes {
  return request ?? create(RequestAttributesSchema);
}

/** `vary` in a fixed order, each name once. Throws AnswerError for a name that the question cannot have told. */
export function checkVary(vary: readonly string[], headers: readonly string[]): readonly string[] {
  const wrong = vary.find((name) => !wasTold(name, headers));
  if (wrong === undefined) return [...new Set(vary)].sort();
  const may = ["source", "method", "path", ...headers.map((header) => `header:${header}`)].join(", ");
  throw new AnswerError(`its answer varies by "${wrong.slice(0, 100)}", which it was not told; it may vary by ${may}`);
}

const REASON_MAX = 512;

/** The decision with its status and one line for the client. Throws AnswerError. */
export function checkDecision({ decision }: AuthorizeResponse): AuthorizeResponse["decision"] {
  if (decision.case === undefined) throw new AnswerError("its answer neither allows nor denies");
  if (decision.case === "allow") return decision;
  const { reason, status } = decision.value;
  if (status !== 0 && status !== 401 && status !== 403)
    throw new AnswerError(`it denies with status ${status}; 401 and 403 are possible`);
  return {
    case: "deny",
    value: create(DenySchema, { reason: printable(reason), status: status === 0 ? 403 : status }),
  };
}

/** Throws AnswerError. */
export function checkGranted({ granted, validFor }: LeaseResponse, wanted: number): void {
  if (granted > wanted) throw new AnswerError(`it granted ${granted} where ${wanted} were wanted`);
  if (granted > 1 && validFor === undefined)
    throw new AnswerError(`it granted ${granted} without saying for how long they are good`);
}

/** One line that can stand in a header or log. */
function printable(text: string): string {
  return text.slice(0, REASON_MAX).replaceAll(/[^\x20-\x7e]/g, "?");
}
