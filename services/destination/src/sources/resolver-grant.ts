import { create } from "@bufbuild/protobuf";
import { CHAIN_ORDER, type Cidr, PRIVATE_NETWORKS, parseCidr } from "@patchbay/model";
import type { GrantedHook } from "@patchbay/plugin-calls";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { ResolveHookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";

/** What a plugin is granted as a resolver. */
export interface ResolverGrant {
  readonly order: number;
  readonly suffixes: readonly string[];
  readonly failOpen: boolean;
  readonly deadlineMs: number;
  readonly usesContext: boolean;
  readonly networks: readonly Cidr[];
}

export function resolverGrant({ hook, grant, deadlineMs }: GrantedHook): ResolverGrant {
  const asked = hook.kind.case === "resolve" ? hook.kind.value : create(ResolveHookSchema);
  return {
    order: asked.order === 0 ? CHAIN_ORDER.plugin : asked.order,
    suffixes: asked.authoritySuffixes,
    // Fails open unless the plugin asks to fail closed.
    failOpen: asked.failurePolicy !== FailurePolicy.CLOSED,
    deadlineMs,
    usesContext: asked.usesContext,
    networks: networksOf(grant.allowedNetworks),
  };
}

/** A block that cannot be read allows nothing. */
function networksOf(texts: readonly string[]): readonly Cidr[] {
  const blocks = texts.length === 0 ? PRIVATE_NETWORKS : texts;
  return blocks.map((text) => parseCidr(text)).filter((block) => block !== undefined);
}
