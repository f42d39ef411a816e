import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { InboundSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileAuthorization, type Decision, policyName } from "@patchbay/rules";
import fc from "fast-check";
import { inbounds, requests } from "../support/arbitrary.ts";
import { decideNaively } from "../support/model.ts";

const plain = ({ verdict, policy, ask, audited }: Decision) => ({
  verdict,
  policy,
  ask: ask.map(({ ref }) => policyName(ref)),
  audited: [...audited],
});

describe("authorization policies, whatever they are", () => {
  it("decide by their index as a full scan does", () => {
    fc.assert(
      fc.property(inbounds, fc.array(requests, { minLength: 1, maxLength: 8 }), (inbound, asked) => {
        const authorization = compileAuthorization(inbound);
        for (const facts of asked) assert.deepEqual(plain(authorization.decide(facts)), decideNaively(inbound, facts));
      }),
      { numRuns: 300 },
    );
  });

  it("decide the same in any order", () => {
    fc.assert(
      fc.property(inbounds, requests, fc.infiniteStream(fc.nat()), (inbound, facts, order) => {
        const places = inbound.authorization.map((policy) => ({ policy, place: order.next().value ?? 0 }));
        const authorization = places.toSorted((a, b) => a.place - b.place).map(({ policy }) => policy);
        const shuffled = create(InboundSchema, { ...inbound, authorization });
        assert.deepEqual(
          plain(compileAuthorization(shuffled).decide(facts)),
          plain(compileAuthorization(inbound).decide(facts)),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("explain what they decide", () => {
    fc.assert(
      fc.property(inbounds, requests, (inbound, facts) => {
        const authorization = compileAuthorization(inbound);
        const { verdict, policy, ask, audited } = plain(authorization.decide(facts));
        const explained = authorization.explain(facts);
        const matched = explained
          .filter((each) => each.matched)
          .map(({ ref }) => `${ref?.kind} ${ref?.namespace}/${ref?.name}`);
        for (const name of [...ask, ...audited]) assert.ok(matched.includes(name), name);
        if (policy !== "default") assert.ok(matched.includes(policy), `${verdict} by ${policy}`);
        for (const each of explained) assert.ok(each.why, "no reason given");
      }),
      { numRuns: 300 },
    );
  });
});
