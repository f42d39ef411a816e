import { createLruCache } from "@patchbay/model";

/** What an answer of an authorizer may depend on. */
export interface AskedAbout {
  /** Proven SPIFFE ID; empty: no proof. */
  readonly sourceIdentity: string;
  /** "namespace/name" */
  readonly target: string;
  readonly method: string;
  readonly path: string;
  /** By lower-case name; those of the headers shown that the request has. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer that may be used again, as far as it says. */
export interface Reusable<Answer> {
  readonly answer: Answer;
  /** "source", "method", "path", "header:x-tenant"; identity and target count in any case. */
  readonly vary: readonly string[];
  /** On the clock of `now`. */
  readonly until: number;
}

/** Answers of authorizers for requests that are equal in what they depend on. */
export interface DecisionCache<Answer> {
  /** `subject`: what else an answer depends on, such as its policy, as text. A denial wins over an allowance. */
  find(subject: string, about: AskedAbout, now: number): Reusable<Answer> | undefined;
  /** Keeps nothing of an answer that names nothing, or something that its plugin was not shown. */
  keep(subject: string, about: CachedDecision, entry: Reusable<Answer>): void;
  clear(): void;
  size(): number;
}

/** What was asked about, with the names of the headers that the plugin was shown. */
interface CachedDecision extends AskedAbout {
  readonly shown: readonly string[];
}

/** Different lists of `vary` that one subject's answers are looked up by. */
const MAX_LISTS = 4;
/** Policies that plugins decide about, by the hundred, not by the million. */
const MAX_SUBJECTS = 1_000;

export function createDecisionCache<Answer extends { readonly allowed?: boolean | undefined }>(
  max: number,
): DecisionCache<Answer> {
  const answers = createLruCache<Reusable<Answer>>(max);
  const lists = createLruCache<readonly (readonly string[])[]>(MAX_SUBJECTS);
  return {
    find(subject, about, now) {
      let found: Reusable<Answer> | undefined;
      for (const vary of lists.get(subject) ?? []) {
        const entry = answers.get(keyOf(subject, about, vary));
        if (entry === undefined || now >= entry.until) continue;
        if (entry.answer.allowed !== true) return entry;
        found = entry;
      }
      return found;
    },
    keep(subject, about, entry) {
      const { vary } = entry;
      if (vary.length === 0 || !vary.every((attribute) => wasTold(attribute, about.shown))) return;
      const known = lists.get(subject) ?? [];
      if (!known.some((list) => list.join() === vary.join())) lists.set(subject, [vary, ...known].slice(0, MAX_LISTS));
      answers.set(keyOf(subject, about, vary), entry);
    },
    clear() {
      answers.clear();
      lists.clear();
    },
    size: answers.size,
  };
}

const HEADER = "header:";

/** Whether an answer may depend on it: everything else its plugin cannot have known. */
export function wasTold(attribute: string, shown: readonly string[]): boolean {
  if (attribute === "source" || attribute === "method" || attribute === "path") return true;
  return attribute.startsWith(HEADER) && shown.includes(attribute.slice(HEADER.length));
}

/** A header that is not there is not the same as an empty one. */
function keyOf(subject: string, about: AskedAbout, vary: readonly string[]): string {
  const { sourceIdentity, target, headers } = about;
  const parts: (string | null)[] = [subject, sourceIdentity, target];
  for (const attribute of vary) {
    // The caller is always part of the key; "source" alone says that the answer depends on nothing else.
    if (attribute === "source") continue;
    parts.push(attribute);
    if (attribute === "method" || attribute === "path") parts.push(about[attribute]);
    else {
      const header = attribute.slice(HEADER.length);
      parts.push(Object.hasOwn(headers, header) ? (headers[header] ?? null) : null);
    }
  }
  return JSON.stringify(parts);
}
