import type { ContractRange } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { Refusal } from "./refusal.ts";

/** Versions of the plugin contract that this core speaks, both ends included. */
export const CONTRACT: { readonly min: number; readonly max: number } = { min: 1, max: 1 };

/** What this core can do beyond the contract version. "capabilities" says that it states them at all. */
export const CAPABILITIES: readonly string[] = ["capabilities"];

/** The highest version that both speak; throws FAILED_PRECONDITION, naming both ranges, when there is none. */
export function negotiate(asked: Pick<ContractRange, "min" | "max">, ours = CONTRACT): number {
  const version = Math.min(asked.max, ours.max);
  if (version >= Math.max(asked.min, ours.min)) return version;
  const advice = asked.min > ours.max ? "run a newer core, or build against an older SDK" : "build against a newer SDK";
  throw new Refusal(
    "precondition",
    `no contract version in common: the announcer speaks ${span(asked)}, this core speaks ${span(ours)}; ${advice}`,
  );
}

function span({ min, max }: { readonly min: number; readonly max: number }): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
