import type { Question } from "../core/chain.ts";
import type { LinkEvent } from "../core/question.ts";
import type { Tell } from "./link.ts";

/** The questions that a link with all its data in memory holds, by a key of the link's own. */
export interface Asked {
  ask(key: string, question: Question, tell: Tell): () => void;
  /** Answers the questions of these keys again; without keys, all. */
  answerAgain(keys?: Iterable<string>): void;
}

export function createAsked(answer: (question: Question) => LinkEvent): Asked {
  const byKey = new Map<string, Map<Question, Tell>>();
  const answerOne = (questions: ReadonlyMap<Question, Tell> | undefined): void => {
    for (const [question, tell] of questions ?? []) tell(answer(question));
  };
  return {
    ask(key, question, tell) {
      const questions = byKey.get(key) ?? new Map<Question, Tell>();
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
