import { type AskedAbout, createDecisionCache } from "@patchbay/rules";

/** What a plugin gets to see of a request. */
export interface Attributes extends AskedAbout {
  /** Header names that the policy shows to its plugin. */
  readonly shown: readonly string[];
}

export interface PluginAnswer {
  readonly allowed: boolean;
  /** For the client; may be empty. */
  readonly reason: string;
  /** Of a refusal: 401 or 403. */
  readonly status: number;
  /** Undefined: for the request that asked. */
  readonly ttlMs: number | undefined;
  /** What it depends on beside identity, target and policy; empty: not to be used again. */
  readonly vary: readonly string[];
}

export interface PluginDecisions<Policy> {
  /**
   * Undefined: the plugin could not be asked in time, so the failure policy decides. A promise only when it has to be asked; it
   * never rejects. `policy`: its name, the same for all its requests.
   */
  ask(policy: Policy, name: string, attributes: Attributes): PluginAnswer | Promise<PluginAnswer | undefined>;
  /** Forgets all answers: the policies are others now. */
  forget(): void;
  /** Answers that are held. */
  size(): number;
}

export interface PluginDecisionsOptions<Policy> {
  /** Rejects when the plugin cannot be asked in time. */
  call(policy: Policy, attributes: Attributes): Promise<PluginAnswer>;
  /** Milliseconds, monotonic. */
  now(): number;
}

const MAX_ANSWERS = 5_000;
/** Questions on their way at a time. Each ends within its deadline. */
const MAX_ASKING = 1_000;

/** Asks plugins about requests: identical questions at a time are one, and answers are used again as far as they say. */
export function createPluginDecisions<Policy>({ call, now }: PluginDecisionsOptions<Policy>): PluginDecisions<Policy> {
  const answers = createDecisionCache<PluginAnswer>(MAX_ANSWERS);
  const asking = new Map<string, Promise<PluginAnswer | undefined>>();
  let generation = 0;

  async function askPlugin(policy: Policy, name: string, attributes: Attributes): Promise<PluginAnswer | undefined> {
    const askedAt = now();
    const askedIn = generation;
    const answer = await call(policy, attributes).catch(() => undefined);
    if (answer?.ttlMs !== undefined && generation === askedIn)
      answers.keep(name, attributes, { answer, vary: answer.vary, until: askedAt + answer.ttlMs });
    return answer;
  }

  return {
    ask(policy, name, attributes) {
      const known = answers.find(name, attributes, now());
      if (known !== undefined) return known.answer;
      const question = `${generation}\n${wholeKey(name, attributes)}`;
      const under = asking.get(question);
      if (under !== undefined) return under;
      if (asking.size >= MAX_ASKING) return Promise.resolve(undefined);
      const asked = askPlugin(policy, name, attributes).finally(() => asking.delete(question));
      asking.set(question, asked);
      return asked;
    },
    forget() {
      generation += 1;
      answers.clear();
    },
    size: answers.size,
  };
}

function wholeKey(name: string, { sourceIdentity, target, method, path, headers }: Attributes): string {
  return JSON.stringify([name, sourceIdentity, target, method, path, headers]);
}
