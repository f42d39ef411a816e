import { create, equals } from "@bufbuild/protobuf";
import { DefaultAction, type Inbound, InboundSchema, type Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import {
  type Authorization,
  compileAuthorization,
  compileLimits,
  compileRoutes,
  type Limits,
  type RouteTable,
  RuleError,
  unknownPart,
} from "@patchbay/rules";

/** What is decided where no policy decides. */
export type DefaultAuthorization = "allow" | "deny";

/** A snapshot, made ready to decide by. */
export interface PolicyRules {
  readonly snapshot: Snapshot;
  /** Undefined: everybody may come in, and nobody counts. */
  readonly inbound: InboundRules | undefined;
  /** By target, as far as the snapshot has them. */
  readonly outbound: ReadonlyMap<string, RouteTable>;
}

export interface InboundRules {
  readonly authorization: Authorization;
  readonly limits: Limits;
  readonly hasLimits: boolean;
  /** Something is decided by the path, so that it must have one reading. */
  readonly usesPaths: boolean;
  /** Refusals name the policy that decided. */
  readonly namesPolicies: boolean;
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
  const inbound = sameInbound(snapshot, before) ? before?.inbound : compileInbound(snapshot, otherwise);
  const outbound = new Map(snapshot.outbound.map((target) => [target.target, compileRoutes(target)]));
  return { snapshot, inbound, outbound };
}

function sameInbound(now: Snapshot, before: PolicyRules | undefined): boolean {
  if (before === undefined || now.namePolicies !== before.snapshot.namePolicies) return false;
  const old = before.snapshot.inbound;
  if (now.inbound === undefined || old === undefined) return now.inbound === old;
  return equals(InboundSchema, now.inbound, old);
}

function compileInbound(
  { inbound, namePolicies }: Snapshot,
  otherwise: DefaultAuthorization,
): InboundRules | undefined {
  const said = inbound?.defaultAction ?? DefaultAction.UNSPECIFIED;
  const defaultAction = said === DefaultAction.UNSPECIFIED ? ACTIONS[otherwise] : said;
  const { authorization = [], rateLimits = [] } = inbound ?? {};
  if (defaultAction === DefaultAction.ALLOW && authorization.length === 0 && rateLimits.length === 0) return undefined;
  const whole = create(InboundSchema, { defaultAction, authorization, rateLimits });
  const compiled = compileAuthorization(whole);
  return {
    authorization: compiled,
    limits: compileLimits(whole),
    hasLimits: rateLimits.length > 0,
    usesPaths: compiled.usesPaths || limitsUsePaths(whole),
    namesPolicies: namePolicies,
  };
}

const ACTIONS = { allow: DefaultAction.ALLOW, deny: DefaultAction.DENY } as const;

function limitsUsePaths({ rateLimits }: Inbound): boolean {
  return rateLimits.some(({ limits }) =>
    limits.some(
      ({ to, when, by }) =>
        to.some(({ paths, notPaths }) => paths.length + notPaths.length > 0) ||
        when.includes("path") ||
        by.includes("route"),
    ),
  );
}
