import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { AUTHORITY_CASES, ODD_AUTHORITY_CASES } from "@patchbay/testkit";
import { type RunningDestination, startDestination } from "../support/destination.ts";

describe("destination's Explain", () => {
  let mesh: RunningDestination;
  before(async () => {
    mesh = await startDestination();
  });
  after(() => mesh[Symbol.asyncDispose]());

  for (const { text, namespace = "default", rule, means } of [...AUTHORITY_CASES, ...ODD_AUTHORITY_CASES]) {
    const name = JSON.stringify(text.slice(0, 40));
    it(`${means === undefined ? "refuses" : "understands"} ${name} in ${namespace} (${rule})`, async () => {
      const asked = mesh.client.explain({ authority: text, context: { namespace } });
      if (means !== undefined) assert.equal((await asked).resolution?.authority, means.key);
      else await assert.rejects(asked, (error) => ConnectError.from(error).code === Code.InvalidArgument);
    });
  }
});
