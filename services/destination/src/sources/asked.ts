import type { Query } from "../core/chain.ts";
import type { ResolverEvent } from "../core/query.ts";
import type { OnResolverEvent } from "./resolver.ts";

/** Open questions to a resolver that has all of its data in memory, by a key that the resolver chooses. */
export interface Asked {
  ask(key: string, question: Query, tell: OnResolverEvent): () => void;
  /** Answers the questions of these keys again; without keys, all. */
  answerAgain(keys?: Iterable<string>): void;
}

export function createAsked(answer: (question: Query) => ResolverEvent): Asked {
  const byKey = new Map<string, Map<Query, OnResolverEvent>>();
  const answerOne = (questions: ReadonlyMap<Query, OnResolverEvent> | undefined): void => {
    for (const [question, tell] of questions ?? []) tell(answer(question));
  };
  return {
    ask(key, question, tell) {
      const questions = byKey.get(key) ?? new Map<Query, OnResolverEvent>();
      byKey.set(key, questions.set(question, tell));
      tell(answer(question));
      return () => {
        questions.delete(question);
        if (questions.size === 0 && byKey.get(key) === questions) byKey.delete(key);
      };
    },
    answerAgain(keys = byKey.keys()) {
      for (const key of keys) answerOne(byKey.get(key));
    },
  };
}
