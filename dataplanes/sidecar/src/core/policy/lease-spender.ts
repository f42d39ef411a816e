import { createLruCache } from "@patchbay/model";
import { createLeaseAccount, type Grant, type LeaseAccount } from "./lease.ts";

/** Whose share is spent. */
export interface LeaseQuestion {
  /** Tells this (policy, limit, key) from all others. */
  readonly id: string;
  /** Requests at once, as the limit is written. */
  readonly size: number;
}

/** The outcome of one request. `failed`: the plugin could not be asked, so its failure policy decides. */
export type Spent =
  | { readonly kind: "passed" }
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  | { readonly kind: "failed" };

export interface LeaseState {
  readonly left: number;
  readonly size: number;
  /** Milliseconds from now until the lease ends; undefined: there is none. */
  readonly expiresInMs: number | undefined;
}

export interface LeaseSpender<Question extends LeaseQuestion> {
  /** At once as long as there is something to spend; else once the plugin has answered. Never rejects. */
  spend(question: Question): Spent | Promise<Spent>;
  /** Without spending; undefined: nothing was asked for yet. */
  state(question: Question): LeaseState | undefined;
}

export interface LeaseSpenderOptions<Question> {
  /** Asks the plugin. Rejects when it cannot be asked in time. */
  ask(question: Question, amount: { readonly wanted: number; readonly unspent: number }): Promise<Grant>;
  /** Milliseconds, monotonic. */
  now(): number;
}

interface Account {
  readonly lease: LeaseAccount;
  /** Settles, never rejects, when the question under way is answered. */
  asking: Promise<void> | undefined;
  waiting: number;
  /** Not to be asked again before, and what requests hear until then. */
  notBefore: number;
  failed: boolean;
}

const PASSED: Spent = { kind: "passed" };
const FAILED: Spent = { kind: "failed" };

/** Keys beyond that push out the one that was used least recently. */
const MAX_ACCOUNTS = 10_000;
/** Requests that wait for an answer at a time; what comes beyond is left to the failure policy. */
const MAX_WAITING = 1_000;
/** A request asks again when others took what had come, but not for longer than one answer may take. */
const MAX_WAIT_MS = 1_000;
/** Without a word about when to ask again. */
const RETRY_EMPTY_MS = 1_000;
/** A plugin that gave all it had, or could not be asked, is left in peace for a moment. */
const RETRY_SHORT_MS = 100;

/**
 * Spends leases that plugins grant: at most what was granted, asking for more before it is used up. Identical questions are one.
 */
export function createLeaseSpender<Question extends LeaseQuestion>(
  options: LeaseSpenderOptions<Question>,
): LeaseSpender<Question> {
  const { now } = options;
  const accounts = createLruCache<Account>(MAX_ACCOUNTS);
  let waiting = 0;

  function accountOf({ id, size }: Question): Account {
    return accounts.getOrAdd(id, () => createAccount(size));
  }

  function ask(account: Account, question: Question): Promise<void> {
    const askedAt = now();
    const amount = account.lease.question(askedAt, account.waiting);
    account.asking = options
      .ask(question, amount)
      .then(
        (grant) => receive(account, grant, { askedAt, answeredAt: now(), wanted: amount.wanted }),
        () => fail(account, now()),
      )
      .then(() => {
        account.asking = undefined;
      });
    return account.asking;
  }

  async function wait(account: Account, question: Question): Promise<Spent> {
    const until = now() + MAX_WAIT_MS;
    waiting += 1;
    account.waiting += 1;
    try {
      while (now() < until) {
        await (account.asking ?? ask(account, question));
        const spent = trySpend(account, now());
        if (spent !== undefined) return spent;
      }
      return FAILED;
    } finally {
      waiting -= 1;
      account.waiting -= 1;
    }
  }

  return {
    spend(question) {
      const account = accountOf(question);
      const spent = trySpend(account, now());
      if (spent === undefined) return waiting < MAX_WAITING ? wait(account, question) : FAILED;
      const early = spent === PASSED && account.asking === undefined && now() >= account.notBefore;
      if (early && account.lease.wantsMore(now())) void ask(account, question);
      return spent;
    },
    state({ id }) {
      const account = accounts.peek(id);
      return account === undefined ? undefined : stateOf(account.lease, now());
    },
  };
}

function createAccount(size: number): Account {
  return { lease: createLeaseAccount({ size }), asking: undefined, waiting: 0, notBefore: 0, failed: false };
}

function stateOf(lease: LeaseAccount, now: number): LeaseState {
  const expires = lease.expiresAt();
  return { left: lease.left(now), size: lease.size(), expiresInMs: expires === undefined ? undefined : expires - now };
}

interface Answered {
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly wanted: number;
}

function receive(account: Account, grant: Grant, { askedAt, answeredAt, wanted }: Answered): void {
  account.failed = false;
  account.lease.receive(grant, { askedAt, wanted });
  if (grant.granted === 0) account.notBefore = answeredAt + (grant.retryAfterMs ?? RETRY_EMPTY_MS);
  else if (grant.validMs !== undefined && grant.granted < wanted)
    account.notBefore = answeredAt + (grant.retryAfterMs ?? RETRY_SHORT_MS);
}

function fail(account: Account, now: number): void {
  account.failed = true;
  account.notBefore = now + RETRY_SHORT_MS;
}

/** Undefined: the plugin has to be asked. */
function trySpend(account: Account, now: number): Spent | undefined {
  if (account.lease.spend(now)) return PASSED;
  if (now >= account.notBefore) return undefined;
  return account.failed ? FAILED : { kind: "limited", retryAfterMs: account.notBefore - now };
}
