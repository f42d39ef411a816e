import { setImmediate as nextTurn } from "node:timers/promises";
import type { Exposition } from "../core/expose/exposition.ts";
import type { TextFormat } from "../core/expose/metric-family.ts";

/** The exposition as one text, made piece by piece, so that a large one does not hold up reports. */
export async function metricsText(exposition: Exposition, format: TextFormat, now: number): Promise<string> {
  const chunks: string[] = [];
  for (const chunk of exposition.chunks(format, now)) {
    chunks.push(chunk);
    await nextTurn();
  }
  return chunks.join("");
}
