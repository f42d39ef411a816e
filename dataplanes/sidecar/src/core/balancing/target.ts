import { type Authority, tryParseAuthority } from "@patchbay/model";
import { EGRESS } from "../report/recorder.ts";
import { type Branch, Outcome, type Resolution } from "../routing/resolution.ts";
import type { Pick, Route } from "../types.ts";
import { type Balancer, type BalancerSettings, createBalancer } from "./balancer.ts";
import { type AdjustableBudget, createRetryBudget, RETRY_BUDGET } from "./retry-budget.ts";
import { createTargetCounters, type TargetCounters } from "./target-counters.ts";
import type { HealthPath } from "./target-health.ts";

/** Everything that is held for one authority: balancers, one per branch, and the budget for retries. */
export interface Target {
  update(resolution: Resolution): void;
  /** The current route. The same object until the next update. */
  route(): Route;
  readonly retries: AdjustableBudget;
  readonly ledger: TargetCounters;
  /** Its balancers, by the backend that they stand for. */
  paths(): readonly HealthPath[];
}

interface Share {
  readonly branch: Branch;
  readonly backend: string;
  readonly balancer: Balancer;
}

export function createTarget(authority: Authority, settings: BalancerSettings): Target {
  const retries = createRetryBudget({ ...RETRY_BUDGET, now: settings.now });
  const ledger = createTargetCounters();
  let shares: readonly Share[] = [];
  let route: Route = unanswered(authority);

  return {
    retries,
    ledger,
    update(resolution) {
      const held = new Map(shares.map((share) => [share.branch.authority, share.balancer]));
      shares = resolution.branches.map((branch) => {
        const backend = backendOf(branch, authority);
        const balancer = held.get(branch.authority) ?? createBalancer(settings, backend);
        balancer.update(branch.endpoints);
        return { branch, backend, balancer };
      });
      route = routeOf(authority, { shares, retries, ledger, settings });
    },
    route: () => route,
    paths: () => shares.map(({ backend, balancer }) => ({ backend, balancers: [balancer] })),
  };
}

/** The service that a branch stands for; empty: the one that was asked for. */
function backendOf(branch: Branch, authority: Authority): string {
  if (branch.authority === "" || branch.authority === authority.key) return "";
  const name = tryParseAuthority(branch.authority)?.shortHost ?? branch.authority;
  return name === authority.shortHost ? "" : name;
}

/** Before the first answer; also what a client hears when none came. */
function unanswered(authority: Authority): Route {
  return {
    kind: "refused",
    target: authority.shortHost,
    status: 503,
    reason: `no answer yet from destination about ${authority.shortHost}. See which parts of the mesh run: mesh check`,
  };
}

interface Held {
  readonly shares: readonly Share[];
  readonly retries: AdjustableBudget;
  readonly ledger: TargetCounters;
  readonly settings: BalancerSettings;
}

function routeOf(authority: Authority, held: Held): Route {
  const [only, ...others] = held.shares;
  if (only === undefined) return unanswered(authority);
  if (others.length === 0 && only.branch.outcome === Outcome.ABSENT) return unknown(authority, only.branch);
  return {
    kind: "mesh",
    target: authority.shortHost,
    pick: others.length === 0 ? (tried) => only.balancer.pick(tried) : splitPick(held.shares, held.settings.random),
    retries: held.retries,
    count: held.ledger.count,
    get reason() {
      return whyNone(authority, held.shares, held.settings.maxOutstanding);
    },
  };
}

/** No resolver of the mesh knows the name. DNS may, unless it is a name of the mesh. */
function unknown(authority: Authority, branch: Branch): Route {
  const refused = { kind: "refused", target: authority.shortHost, status: 502 } as const;
  const hint = `See why: mesh explain ${authority.shortHost}`;
  if (branch.authority !== "" && branch.authority !== authority.key) {
    return { ...refused, reason: `${authority.shortHost} leads to ${branch.authority}, which nobody knows. ${hint}` };
  }
  if (authority.kind !== "mesh") return { kind: "egress", target: EGRESS };
  return {
    ...refused,
    reason: `nobody in the mesh knows ${authority.shortHost}, and DNS does not know names of the mesh. Is it running? mesh endpoints ${authority.shortHost}`,
  };
}

/** Chooses a branch by its share; a second try stays in the branch of the first. */
function splitPick(shares: readonly Share[], random: () => number): (tried: ReadonlySet<string>) => Pick | undefined {
  const total = shares.reduce((sum, share) => sum + share.branch.weight, 0);
  function draw(): Share | undefined {
    // All shares 0 means equal shares.
    if (total === 0) return shares[Math.floor(random() * shares.length)];
    let left = random() * total;
    for (const share of shares) {
      left -= share.branch.weight;
      if (left < 0) return share;
    }
    return shares.findLast((share) => share.branch.weight > 0);
  }
  return (tried) => {
    const first = tried.values().next();
    const same = first.done ? undefined : shares.find((share) => share.balancer.has(first.value));
    return (same ?? draw())?.balancer.pick(tried);
  };
}

function whyNone(authority: Authority, shares: readonly Share[], maxOutstanding: number): string {
  const empty = shares.find((share) => share.balancer.size() === 0);
  if (empty === undefined)
    return `all endpoints of ${authority.shortHost} are at their limit of ${maxOutstanding} requests in flight`;
  const { branch } = empty;
  const name =
    branch.authority === "" || branch.authority === authority.key
      ? authority.shortHost
      : `${authority.shortHost} (${branch.authority})`;
  const said = branch.reason === "" ? "" : `: ${branch.reason}`;
  const what =
    branch.outcome === Outcome.FAILED
      ? `destination could not decide who serves ${name}`
      : `nobody serves ${name} at this moment`;
  return `${what}${said}${branch.resolver === "" ? "" : ` (said by ${branch.resolver})`}. See why: mesh explain ${authority.shortHost}`;
}
