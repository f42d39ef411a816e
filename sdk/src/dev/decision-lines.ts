import type { DecisionHook } from "@patchbay/model";
import type { Decided } from "../hooks/decision-hooks.ts";
import { describeDecision } from "../hooks/decision-hooks.ts";

/** Decisions as lines: a few in full, the rest of them summed up when flush() is called. */
export interface DecisionLines {
  add<Hook extends DecisionHook>(decided: Decided<Hook>): void;
  flush(): void;
}

/** Between two calls of flush(): a page's requests are seen one by one, and a load test does not flood the terminal. */
const IN_FULL = 8;

/** `line` gets each of them. */
export function createDecisionLines(line: (text: string) => void): DecisionLines {
  const more = new Map<DecisionHook, Map<string, number>>();
  let printed = 0;
  return {
    add(decided) {
      printed += 1;
      if (printed <= IN_FULL) return line(describeDecision(decided));
      const { hook, answer } = decided;
      const kinds = more.get(hook) ?? new Map<string, number>();
      kinds.set(answer.kind, (kinds.get(answer.kind) ?? 0) + 1);
      more.set(hook, kinds);
    },
    flush() {
      printed = 0;
      for (const [hook, kinds] of more) {
        const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`);
        line(`${hook} and more of them: ${counts.join(", ")}`);
      }
      more.clear();
    },
  };
}
