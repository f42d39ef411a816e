import { setImmediate as nextTurn } from "node:timers/promises";
import type { Exposition } from "../core/exposition.ts";

/** The exposition as one text, made piece by piece, so that a large one does not hold up reports. */
export async function metricsText(exposition: Exposition): Promise<string> {
  const chunks: string[] = [];
  for (const chunk of exposition.chunks()) {
    chunks.push(chunk);
    await nextTurn();
  }
  return chunks.join("");
}
