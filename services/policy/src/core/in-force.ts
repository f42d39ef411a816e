import type { CompiledPolicy } from "./compile.ts";
import { targetOf } from "./outbound.ts";
import type { PolicyIndex } from "./policy-index.ts";
import { wholeNamespace } from "./resource.ts";

export interface World {
  readonly book: PolicyIndex;
  /** Programs that are called, as "namespace/name". */
  readonly workloads: ReadonlySet<string>;
  readonly followers: readonly { namespace: string; workload: string; hosts: ReadonlySet<string> }[];
}

/** Workloads that enforce it, as "namespace/name", sorted: those that are called, or those that call what it steers. */
export function whereInForce({ inbound, outbound, part, ref }: CompiledPolicy, world: World): readonly string[] {
  if (part.kind === "authorization" || part.kind === "rate-limit") {
    const keys = new Set(inbound);
    const here = (workload: string): boolean =>
      keys.has(workload) || keys.has(wholeNamespace(workload.split("/")[0] ?? ""));
    return [...world.workloads].filter(here).sort();
  }
  const steered = world.followers.filter(({ namespace, hosts }) =>
    [...hosts].some((host) => {
      if (!outbound.includes(targetOf(host).service ?? "")) return false;
      const { rules, retryBudgetRef } = world.book.outbound(namespace, host);
      return part.kind === "budget" ? retryBudgetRef === ref : rules.some((rule) => rule.ref === ref);
    }),
  );
  return [...new Set(steered.map(({ namespace, workload }) => `${namespace}/${workload}`))].sort();
}
