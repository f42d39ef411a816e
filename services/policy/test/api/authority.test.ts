import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { AUTHORITY_CASES, ODD_AUTHORITY_CASES } from "@patchbay/testkit";
import { startPolicy } from "../support/policy.ts";

describe("the policy service's Explain", () => {
  let policy: Awaited<ReturnType<typeof startPolicy>>;
  before(async () => {
    policy = await startPolicy({ files: {} });
  });
  after(() => policy[Symbol.asyncDispose]());

  // Cases with a client namespace are left out: such a caller writes the authority in full.
  const cases = [...AUTHORITY_CASES, ...ODD_AUTHORITY_CASES].filter(({ namespace }) => namespace === undefined);
  for (const { text, rule, means } of cases) {
    const name = JSON.stringify(text.slice(0, 40));
    it(`${means === undefined ? "refuses" : "understands"} ${name} (${rule})`, async () => {
      const asked = policy.client.explain({ method: "GET", path: "/", authority: text });
      if (means !== undefined) assert.equal((await asked).target, means.service === "" ? means.short : means.service);
      else await assert.rejects(asked, (error) => ConnectError.from(error).code === Code.InvalidArgument);
    });
  }
});
