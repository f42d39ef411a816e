import { it } from "node:test";
import { compareAll } from "../support/dry-run-comparison.ts";

it("a dry run says what proxies do, for more than 10,000 requests", async () => {
  await compareAll({ numRuns: 2_500 });
});
