import {
  connectionFacts,
  identityOf,
  type RequestFacts,
  requestFacts,
  type SourceFacts,
  type TargetFacts,
} from "@patchbay/model";
import { type Decision, type InboundRules, policyName } from "@patchbay/rules";
import type { RequestHead } from "../http/request-head.ts";
import type { Audit } from "./audit.ts";
import { type DecisionCounts, Verdict } from "./decision-counts.ts";
import type { AuthorizationDenied, ExternalAuthorization } from "./external-authorization.ts";
import type { Guard, Verdict as GuardVerdict, Peer, Refusal } from "./guard.ts";
import type { Limiter, RateLimited } from "./limiter.ts";
import {
  ambiguousPath,
  DEFAULT_POLICY,
  denied,
  limited,
  type RefusalContext,
  refusedByPlugin,
  undecided,
  unenforceable,
} from "./local-replies.ts";
import type { DefaultAuthorization, PolicyRules } from "./policy-rules.ts";

/** Where the rules come from. */
export interface GuardSource {
  rules(): PolicyRules | undefined;
  /** Why there are none although the service sent some; empty: it did not. */
  unenforceable(): string;
  /** Whether the wait for the first rules is over. */
  settled(): boolean;
  ready(): Promise<void>;
}

export interface PolicyGuardOptions {
  readonly source: GuardSource;
  readonly target: TargetFacts;
  /** Where no rules are known. */
  readonly defaultAuthorization: DefaultAuthorization;
  readonly consents: ExternalAuthorization;
  readonly limiter: Limiter;
  readonly counts: DecisionCounts;
  readonly audit: Audit;
}

interface Question {
  readonly inbound: InboundRules;
  readonly facts: RequestFacts;
  readonly peer: Peer;
  readonly context: RefusalContext;
  readonly counts: DecisionCounts;
}

/**
 * Enforces the rules for what comes in: authorization first, limits for what it lets pass. Without rules the request costs one
 * look and no allocation.
 */
export function createPolicyGuard(options: PolicyGuardOptions): Guard {
  const { source, target, consents, limiter, counts, audit } = options;
  const name = `${target.namespace}/${target.service}`;

  function request(head: RequestHead, peer: Peer, version: 1 | 2): GuardVerdict {
    const rules = source.rules();
    if (rules === undefined) return withoutRules(peer, () => request(head, peer, version));
    const { inbound, snapshot } = rules;
    if (inbound === undefined) return undefined;
    const facts = requestFacts(head, { version, source: sourceOf(peer), target, direction: "inbound" });
    const decision = inbound.decide(facts);
    if (decision === "ambiguous") {
      counts.add(DEFAULT_POLICY, peer.name, Verdict.DENIED);
      return ambiguousPath(name);
    }
    const question = { inbound, facts, peer, counts, context: { target: name, named: snapshot.namePolicies } };
    return decide(decision, question, () => limit(question));
  }

  function connection(peer: Peer): GuardVerdict {
    const rules = source.rules();
    if (rules === undefined) return withoutRules(peer, () => connection(peer));
    const { inbound, snapshot } = rules;
    if (inbound === undefined) return undefined;
    const context = { target: name, named: snapshot.namePolicies };
    const caller = sourceOf(peer);
    const question = { inbound, facts: connectionFacts(caller, target), peer, counts, context };
    return decide(inbound.authorization.decideConnection(caller), question, () => {
      // The number of requests inside is unknown, so any number would pass as one.
      const limiting = inbound.limits.connection(caller);
      if (limiting === undefined) return undefined;
      const policy = policyName(limiting.ref);
      counts.add(policy, peer.name, Verdict.DENIED);
      return denied(policy, peer, context);
    });
  }

  /** Before the first rules, or when those that came cannot be enforced. */
  function withoutRules(peer: Peer, again: () => GuardVerdict): GuardVerdict {
    if (!source.settled()) return source.ready().then(again);
    const reason = source.unenforceable();
    if (reason !== "") return unenforceable(reason, peer, name);
    if (options.defaultAuthorization === "allow") return undefined;
    counts.add(DEFAULT_POLICY, peer.name, Verdict.DENIED);
    return denied(DEFAULT_POLICY, peer, { target: name, named: false });
  }

  function decide(decision: Decision, question: Question, onPass: () => GuardVerdict): GuardVerdict {
    const { facts, peer, context } = question;
    const { verdict, policy, ask, audited } = decision;
    for (const each of audited) {
      counts.add(each, peer.name, Verdict.AUDITED);
      audit.note(each, peer.name, facts);
    }
    if (verdict === "deny") {
      counts.add(policy, peer.name, Verdict.DENIED);
      return denied(policy, peer, context);
    }
    const pass = (): GuardVerdict => {
      counts.add(policy, peer.name, Verdict.ALLOWED);
      return onPass();
    };
    if (verdict === "allow") return pass();
    const objection = consents.all(ask, facts, (failing) => counts.add(failing, peer.name, Verdict.FAILED_OPEN));
    if (!(objection instanceof Promise)) return objected(objection, question) ?? pass();
    return objection.then((late) => objected(late, question) ?? pass());
  }

  function limit(question: Question): GuardVerdict {
    if (question.inbound.limits.size === 0) return undefined;
    const { inbound, facts, peer } = question;
    const matched = inbound.limits.matching(facts);
    if (matched.length === 0) return undefined;
    const excess = limiter.take(matched, (failing) => counts.add(failing, peer.name, Verdict.FAILED_OPEN));
    return excess instanceof Promise ? excess.then((late) => exceeded(late, question)) : exceeded(excess, question);
  }

  return { request, connection };
}

function sourceOf({ identity, address }: Peer): SourceFacts {
  return { ...identityOf(identity), address };
}

function objected(
  objection: AuthorizationDenied | undefined,
  { peer, context, counts }: Question,
): Refusal | undefined {
  if (objection === undefined) return undefined;
  const { kind, policy } = objection;
  counts.add(policy, peer.name, kind === "refused" ? Verdict.DENIED : Verdict.FAILED_CLOSED);
  return kind === "refused" ? refusedByPlugin(policy, objection.answer, context) : undecided(policy, context);
}

function exceeded(excess: RateLimited | undefined, { peer, context, counts }: Question): Refusal | undefined {
  if (excess === undefined) return undefined;
  const { kind, policy } = excess;
  counts.add(policy, peer.name, kind === "limited" ? Verdict.LIMITED : Verdict.FAILED_CLOSED);
  return kind === "limited" ? limited(policy, excess.retryAfterMs, context) : undecided(policy, context);
}
