import { decisionHooks } from "./decision-hooks.ts";

/** Hooks of the contract that this SDK speaks. */
export const hookNames: readonly string[] = ["resolve", ...decisionHooks];
