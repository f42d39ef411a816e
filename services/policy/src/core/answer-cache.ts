/** Keeps answers as long as they may be used again, the ones used last longest. */
export interface AnswerCache<Answer> {
  /** `keyOf`: the question's values of the attributes that an answer depends on. */
  find(subject: string, keyOf: (vary: readonly string[]) => string, now: number): Answer | undefined;
  keep(entry: KeptAnswer<Answer>): void;
  clear(): void;
  readonly size: number;
}

export interface KeptAnswer<Answer> {
  /** What every answer depends on. */
  readonly subject: string;
  /** What this answer depends on beside it; never empty. */
  readonly vary: readonly string[];
  /** The question's values of `vary`. */
  readonly key: string;
  readonly answer: Answer;
  /** On the clock of `now`. */
  readonly until: number;
}

/** Sets of attributes that the answers about one subject depend on; a plugin has one or two. */
const MAX_VARIES = 4;

export function createAnswerCache<Answer>(limit: number): AnswerCache<Answer> {
  const answers = new Map<string, { readonly answer: Answer; readonly until: number }>();
  const varies = new Map<string, readonly (readonly string[])[]>();

  function nameOf(subject: string, vary: readonly string[], key: string): string {
    return `${subject}\n${vary.join(",")}\n${key}`;
  }

  function trim<Value>(map: Map<string, Value>): void {
    const [oldest] = map.keys();
    if (map.size > limit && oldest !== undefined) map.delete(oldest);
  }

  return {
    find(subject, keyOf, now) {
      for (const vary of varies.get(subject) ?? []) {
        const name = nameOf(subject, vary, keyOf(vary));
        const held = answers.get(name);
        if (held === undefined) continue;
        answers.delete(name);
        if (held.until <= now) continue;
        answers.set(name, held);
        return held.answer;
      }
      return undefined;
    },
    keep({ subject, vary, key, answer, until }) {
      const known = varies.get(subject) ?? [];
      const text = vary.join(",");
      if (!known.some((each) => each.join(",") === text)) {
        varies.delete(subject);
        varies.set(subject, [vary, ...known].slice(0, MAX_VARIES));
        trim(varies);
      }
      answers.set(nameOf(subject, vary, key), { answer, until });
      trim(answers);
    },
    clear() {
      answers.clear();
      varies.clear();
    },
    get size() {
      return answers.size;
    },
  };
}
