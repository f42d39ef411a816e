import type { RequestFacts } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { AuthorizationPolicy } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { headerMap, policyName } from "@patchbay/rules";
import { type Attributes, createPluginDecisions, type PluginAnswer } from "./plugin-decisions.ts";

/** What a plugin's policy came to for one request that may not pass. */
export type AuthorizationDenied =
  | { readonly kind: "refused"; readonly policy: string; readonly answer: PluginAnswer }
  | { readonly kind: "undecided"; readonly policy: string };

export interface ExternalAuthorizationOptions {
  /** Rejects when the plugin cannot be asked in time. */
  call(policy: AuthorizationPolicy, attributes: Attributes): Promise<PluginAnswer>;
  /** Milliseconds, monotonic. */
  now(): number;
}

/** Called for a policy that fails open because its plugin could not be asked. */
export type OnOpen = (policy: string) => void;

export interface ExternalAuthorization {
  /** Undefined: all of them consent. At once when all have been asked before; never rejects. */
  all(
    policies: readonly AuthorizationPolicy[],
    facts: RequestFacts,
    onOpen: OnOpen,
  ): AuthorizationDenied | undefined | Promise<AuthorizationDenied | undefined>;
  /** The policies are others now. */
  forget(): void;
}

/** Asks the plugins of all policies at a time; each has to consent. */
export function createExternalAuthorization({ call, now }: ExternalAuthorizationOptions): ExternalAuthorization {
  const asks = createPluginDecisions<AuthorizationPolicy>({ call, now });

  async function wait(asked: readonly Asked[], onOpen: OnOpen): Promise<AuthorizationDenied | undefined> {
    const objections: (AuthorizationDenied | undefined)[] = [];
    // They are on their way all at once; none of them rejects.
    for (const { policy, answer } of asked) objections.push(objectionTo(policy, await answer, onOpen));
    // A decision says more than the lack of one.
    return objections.find((objection) => objection?.kind === "refused") ?? objections.find(Boolean);
  }

  return {
    all(policies, facts, onOpen) {
      const asked: Asked[] = [];
      let waiting = false;
      for (const policy of policies) {
        const answer = asks.ask(policy, policyName(policy.ref), attributesOf(policy, facts));
        if (answer instanceof Promise) waiting = true;
        else if (!answer.allowed) return objectionTo(policy, answer, onOpen);
        asked.push({ policy, answer });
      }
      return waiting ? wait(asked, onOpen) : undefined;
    },
    forget: asks.forget,
  };
}

interface Asked {
  readonly policy: AuthorizationPolicy;
  readonly answer: PluginAnswer | Promise<PluginAnswer | undefined>;
}

function objectionTo(
  policy: AuthorizationPolicy,
  answer: PluginAnswer | undefined,
  onOpen: OnOpen,
): AuthorizationDenied | undefined {
  const name = policyName(policy.ref);
  if (answer !== undefined) return answer.allowed ? undefined : { kind: "refused", policy: name, answer };
  if (policy.plugin?.failurePolicy !== FailurePolicy.OPEN) return { kind: "undecided", policy: name };
  onOpen(name);
  return undefined;
}

function attributesOf({ plugin }: AuthorizationPolicy, facts: RequestFacts): Attributes {
  const shown = plugin?.headers ?? [];
  const values = shown.length === 0 ? undefined : headerMap(facts.headers);
  const headers: [string, string][] = [];
  for (const name of shown) {
    const value = values?.get(name);
    if (value !== undefined) headers.push([name, value]);
  }
  return {
    sourceIdentity: facts.source.identity,
    target: `${facts.target.namespace}/${facts.target.service}`,
    method: facts.method,
    path: facts.path,
    headers: Object.fromEntries(headers),
    shown,
  };
}
