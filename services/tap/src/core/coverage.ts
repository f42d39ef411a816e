import { create } from "@bufbuild/protobuf";
import { type Coverage, CoverageSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import type { Participant } from "./participants.ts";

/** How it stands with one proxy: asked, listening, or why not. */
export type Standing = "asked" | "listening" | { readonly problem: string };

const MAX_MISSING = 10;

/** Which proxies take part. */
export function coverageOf(members: Iterable<readonly [Participant, Standing]>): Coverage {
  const coverage = create(CoverageSchema);
  let more = 0;
  for (const [{ id, inbound, outbound }, standing] of members) {
    if (standing === "listening") {
      if (inbound) coverage.inbound += 1;
      if (outbound) coverage.outbound += 1;
    } else if (standing !== "asked") {
      if (coverage.missing.length < MAX_MISSING) coverage.missing.push(`${id}: ${standing.problem}`);
      else more += 1;
    }
  }
  if (more > 0) coverage.missing[MAX_MISSING - 1] += `; and ${more} more`;
  return coverage;
}
