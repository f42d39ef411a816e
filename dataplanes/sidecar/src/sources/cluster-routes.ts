import { equals } from "@bufbuild/protobuf";
import { type Clock, errorMessage, type SourceFacts } from "@patchbay/model";
import { type Outbound, OutboundSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Log } from "@patchbay/wire";
import { compileTargetRules, retryBudgetOf, type TargetRules } from "../core/routing/target-rules.ts";
import type { Cluster } from "./cluster.ts";

export interface ClusterRoutesOptions {
  readonly plain: Cluster;
  /** This workload, which asks. */
  readonly source: SourceFacts;
  /** Milliseconds after destination's first answer in which the rules may still come. */
  readonly rulesMs: number;
  readonly clock: Clock;
  /** Begins to follow the rules of this name. At once when they are known or cannot be. */
  learn(): Outbound | undefined | Promise<Outbound | undefined>;
  /** Watches a name that rules lead to. */
  watch(authority: string): void;
  readonly log: Log;
}

/** The routes of one cluster, from the first time that a program asks for it. */
export interface ClusterRoutes {
  /** A program has asked. */
  readonly asked: boolean;
  /** Undefined: there are none, or none are known. */
  readonly current: TargetRules | undefined;
  /** Undefined: what there is to know is known. Else a promise of that, for as long as may be waited. */
  ready(): Promise<void> | undefined;
  /** Rules that have come into force. */
  enforce(outbound: Outbound): void;
}

export function createClusterRoutes(options: ClusterRoutesOptions): ClusterRoutes {
  const { plain, log } = options;
  let outbound: Outbound | undefined;
  let rules: TargetRules | undefined;
  let learning: Promise<void> | undefined;
  let known = false;
  let asked = false;

  function learn(): Promise<void> | undefined {
    asked = true;
    const answer = options.learn();
    if (answer instanceof Promise) return waitFor(answer);
    known = true;
    if (answer !== undefined) enforce(answer);
    return undefined;
  }

  async function waitFor(answer: Promise<Outbound | undefined>): Promise<void> {
    const over = new AbortController();
    const late = plain.answered().then(() => options.clock.pause(options.rulesMs, over.signal));
    const first = await Promise.race([answer, late]);
    over.abort();
    known = true;
    if (first !== undefined) enforce(first);
  }

  function enforce(next: Outbound): void {
    if (outbound !== undefined && equals(OutboundSchema, outbound, next)) return;
    try {
      rules = compileTargetRules(next, options.source);
    } catch (error) {
      const target = plain.authority.shortHost;
      return log.error({ target, reason: errorMessage(error) }, "rules that cannot be followed; those before stay");
    }
    outbound = next;
    plain.target.retries.shape(retryBudgetOf(next));
    for (const each of rules?.authorities ?? []) options.watch(each);
  }

  return {
    get asked() {
      return asked;
    },
    get current() {
      return rules;
    },
    ready() {
      if (known) return undefined;
      learning ??= learn();
      return learning;
    },
    enforce,
  };
}
