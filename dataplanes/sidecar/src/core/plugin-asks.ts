import { createRecent } from "./recent.ts";

/** What a plugin gets to see of a request. */
export interface Attributes {
  /** Proven SPIFFE ID; empty: no proof. */
  readonly sourceIdentity: string;
  /** "namespace/name" */
  readonly target: string;
  readonly method: string;
  readonly path: string;
  /** By lower-case name; those of `shown` that the request has. */
  readonly headers: Readonly<Record<string, string>>;
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

export interface PluginAsks<Policy> {
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

export interface PluginAsksOptions<Policy> {
  /** Rejects when the plugin cannot be asked in time. */
  call(policy: Policy, attributes: Attributes): Promise<PluginAnswer>;
  /** Milliseconds, monotonic. */
  now(): number;
}

interface Held {
  readonly answer: PluginAnswer;
  readonly until: number;
}

const MAX_ANSWERS = 5_000;
/** Questions on their way at a time. Each ends within its deadline. */
const MAX_ASKING = 1_000;
/** Different lists of `vary` that one policy's answers are looked up by. */
const MAX_LISTS = 4;
/** Policies that a workload may have by the hundred, not by the million. */
const MAX_POLICIES = 1_000;

/** Asks plugins about requests: identical questions at a time are one, and answers are used again as far as they say. */
export function createPluginAsks<Policy>({ call, now }: PluginAsksOptions<Policy>): PluginAsks<Policy> {
  const answers = createRecent<Held>(MAX_ANSWERS);
  const lists = createRecent<readonly (readonly string[])[]>(MAX_POLICIES);
  const asking = new Map<string, Promise<PluginAnswer | undefined>>();
  let generation = 0;

  /** A refusal goes before a consent, should the plugin have said both. */
  function held(name: string, attributes: Attributes): PluginAnswer | undefined {
    let found: PluginAnswer | undefined;
    for (const vary of lists.get(name) ?? []) {
      const key = keyOf(name, attributes, vary);
      const entry = key === undefined ? undefined : answers.get(key);
      if (entry === undefined || now() >= entry.until) continue;
      if (!entry.answer.allowed) return entry.answer;
      found = entry.answer;
    }
    return found;
  }

  function keep(name: string, attributes: Attributes, entry: Held): void {
    const { vary } = entry.answer;
    const known = lists.get(name) ?? [];
    const key = keyOf(name, attributes, vary);
    if (key === undefined) return;
    if (!known.some((list) => list.join() === vary.join())) lists.set(name, [vary, ...known].slice(0, MAX_LISTS));
    answers.set(key, entry);
  }

  async function askPlugin(policy: Policy, name: string, attributes: Attributes): Promise<PluginAnswer | undefined> {
    const askedAt = now();
    const askedIn = generation;
    const answer = await call(policy, attributes).catch(() => undefined);
    if (answer?.ttlMs !== undefined && answer.vary.length > 0 && generation === askedIn)
      keep(name, attributes, { answer, until: askedAt + answer.ttlMs });
    return answer;
  }

  return {
    ask(policy, name, attributes) {
      const known = held(name, attributes);
      if (known !== undefined) return known;
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
      lists.clear();
    },
    size: () => answers.size(),
  };
}

function wholeKey(name: string, { sourceIdentity, target, method, path, headers }: Attributes): string {
  return JSON.stringify([name, sourceIdentity, target, method, path, headers]);
}

/**
 * What an answer with this `vary` is kept under. Undefined: it depends on something that we do not know or that the plugin was
 * not shown, so nothing may be concluded from it for another request.
 */
function keyOf(name: string, attributes: Attributes, vary: readonly string[]): string | undefined {
  const parts: (string | null)[] = [name, attributes.sourceIdentity, attributes.target];
  for (const attribute of vary) {
    // Who calls counts in any case; an answer that depends on nothing else says so with this.
    if (attribute === "source") continue;
    if (attribute === "method") parts.push(attribute, attributes.method);
    else if (attribute === "path") parts.push(attribute, attributes.path);
    else if (attribute.startsWith("header:")) {
      const header = attribute.slice("header:".length).toLowerCase();
      if (!attributes.shown.includes(header)) return undefined;
      parts.push(attribute, Object.hasOwn(attributes.headers, header) ? (attributes.headers[header] ?? null) : null);
    } else return undefined;
  }
  return JSON.stringify(parts);
}
