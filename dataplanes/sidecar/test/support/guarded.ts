import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type InboundSchema, type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Audit, createAudit } from "../../src/core/policy/audit.ts";
import { createDecisionCounts, type DecisionCounts, Verdict } from "../../src/core/policy/decision-counts.ts";
import { createExternalAuthorization } from "../../src/core/policy/external-authorization.ts";
import type { Guard } from "../../src/core/policy/guard.ts";
import type { Grant } from "../../src/core/policy/lease.ts";
import { createLimiter, type Limiter } from "../../src/core/policy/limiter.ts";
import type { PluginAnswer } from "../../src/core/policy/plugin-decisions.ts";
import { createPolicyGuard, type GuardSource } from "../../src/core/policy/policy-guard.ts";
import { compileSnapshot, type DefaultAuthorization } from "../../src/core/policy/policy-rules.ts";
import { createStringTable } from "../../src/core/report/string-table.ts";

export interface TestGuardOptions {
  readonly namePolicies?: boolean;
  readonly defaultAuthorization?: DefaultAuthorization;
  readonly authorize?: () => Promise<PluginAnswer>;
  readonly lease?: () => Promise<Grant>;
  readonly source?: Partial<GuardSource>;
}

export interface TestGuard extends Guard {
  readonly limiter: Limiter;
  /** "policy source verdict" by count. */
  decisions(): Record<string, number>;
  readonly audited: string[];
  /** Milliseconds; stands still unless a test moves it. */
  time: number;
}

const unavailable = (): Promise<never> => Promise.reject(new Error("no instance is ready"));

/** The guard of "default/users" with these rules; without any: one that knows none. */
export function createTestGuard(
  inbound: MessageInitShape<typeof InboundSchema> | undefined,
  options: TestGuardOptions = {},
): TestGuard {
  const { namePolicies = true, defaultAuthorization = "allow", authorize = unavailable, lease = unavailable } = options;
  const rules =
    inbound === undefined
      ? undefined
      : compileSnapshot(snapshotWith(inbound, namePolicies), { otherwise: defaultAuthorization });
  const counts = createDecisionCounts();
  const now = (): number => guard.time;
  const limiter = createLimiter({ ask: lease, now });
  const audited: string[] = [];
  const audit: Audit = createAudit({ now, write: ({ policy, source }) => audited.push(`${policy} ${source}`) });
  const guard: TestGuard = {
    time: 0,
    limiter,
    audited,
    decisions: () => decisionsOf(counts),
    ...createPolicyGuard({
      source: {
        rules: () => rules,
        unenforceable: () => "",
        settled: () => true,
        ready: () => Promise.resolve(),
        ...options.source,
      },
      target: { namespace: "default", service: "users" },
      defaultAuthorization,
      consents: createExternalAuthorization({ call: authorize, now }),
      limiter,
      counts,
      audit,
    }),
  };
  return guard;
}

function snapshotWith(inbound: MessageInitShape<typeof InboundSchema>, namePolicies: boolean): Snapshot {
  return create(SnapshotSchema, { version: "test", workload: "default/users", inbound, namePolicies });
}

const NAMES = new Map<number, string>(Object.entries(Verdict).map(([name, number]) => [number, name]));

function decisionsOf(counts: DecisionCounts): Record<string, number> {
  const strings = createStringTable();
  const { decisions = [] } = counts.take({ strings, hasRoom: () => true });
  const texts = strings.list();
  return Object.fromEntries(
    decisions.map(({ policy = 0, source = 0, verdict = 0, count = 0 }) => [
      `${texts[policy]} ${texts[source]} ${NAMES.get(verdict)}`,
      count,
    ]),
  );
}
