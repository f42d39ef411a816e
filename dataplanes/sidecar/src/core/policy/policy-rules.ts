import { create, equals } from "@bufbuild/protobuf";
import { DefaultAction, InboundSchema, type Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileInbound, compileRoutes, type InboundRules, RuleError, unknownPart } from "@patchbay/rules";

/** What is decided where no policy decides. */
export type DefaultAuthorization = "allow" | "deny";

/** A snapshot, made ready to decide by. */
export interface PolicyRules {
  readonly snapshot: Snapshot;
  /** Undefined: all requests are allowed, and none is counted. */
  readonly inbound: InboundRules | undefined;
}

export interface CompileOptions {
  /** Where the snapshot says nothing about it. */
  readonly otherwise: DefaultAuthorization;
  /** In force until now: parts that have not changed are taken over. */
  readonly before?: PolicyRules | undefined;
}

/**
 * Makes a snapshot ready; touches nothing that is in force.
 *
 * @throws RuleError with a sentence for people when the snapshot has a part that this proxy cannot enforce.
 */
export function compileSnapshot(snapshot: Snapshot, { otherwise, before }: CompileOptions): PolicyRules {
  const unknown = unknownPart(snapshot);
  if (unknown !== undefined)
    throw new RuleError(`this sidecar does not know ${unknown}; it is older than the policy service. Restart it`);
  // Another host that is followed comes as a new snapshot, with a thousand policies that are as they were.
  const inbound = sameInbound(snapshot, before) ? before?.inbound : inboundOf(snapshot, otherwise);
  // Targets compile their own routes when they are asked for; a snapshot with one that cannot be followed is refused here.
  for (const target of snapshot.outbound) compileRoutes(target);
  return { snapshot, inbound };
}

function sameInbound(now: Snapshot, before: PolicyRules | undefined): boolean {
  if (before === undefined) return false;
  const old = before.snapshot.inbound;
  if (now.inbound === undefined || old === undefined) return now.inbound === old;
  return equals(InboundSchema, now.inbound, old);
}

function inboundOf({ inbound }: Snapshot, otherwise: DefaultAuthorization): InboundRules | undefined {
  const said = inbound?.defaultAction ?? DefaultAction.UNSPECIFIED;
  const defaultAction = said === DefaultAction.UNSPECIFIED ? ACTIONS[otherwise] : said;
  const { authorization = [], rateLimits = [] } = inbound ?? {};
  if (defaultAction === DefaultAction.ALLOW && authorization.length === 0 && rateLimits.length === 0) return undefined;
  return compileInbound(create(InboundSchema, { defaultAction, authorization, rateLimits }));
}

const ACTIONS = { allow: DefaultAction.ALLOW, deny: DefaultAction.DENY } as const;
