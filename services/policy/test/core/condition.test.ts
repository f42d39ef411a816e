import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { AuthorizationAction, DefaultAction, InboundSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileAuthorization } from "@patchbay/rules";
import fc from "fast-check";
import { checkCondition, encodeCondition } from "../../src/core/kinds/condition.ts";

describe("who and what a rule names", () => {
  it("is refused with a star where it has no meaning", () => {
    for (const path of ["/a/*/b", "*a*", "**", "/a/**"]) {
      const [found] = checkCondition({ to: [{ paths: [path] }] }, []);
      assert.match(found?.message ?? "", /has a \* where it has no meaning/, path);
    }
    assert.deepEqual(checkCondition({ to: [{ paths: ["/a", "/a/*", "/a*", "*/b", "*"] }] }, []), []);
  });

  it("can be enforced by every proxy once it is accepted", () => {
    const texts = fc.array(fc.constantFrom("*", "/", "a", ".", "..", "%2e", "%", "?", "é", " ", "GET"), {
      maxLength: 5,
    });
    const names = fc.array(
      texts.map((parts) => parts.join("")),
      { maxLength: 2 },
    );
    const condition = fc.record({
      from: fc.array(fc.record({ identities: names, notNamespaces: names }), { maxLength: 1 }),
      to: fc.array(fc.record({ methods: names, paths: names, notPaths: names }), { maxLength: 2 }),
      when: fc.constantFrom(undefined, "connection.tls", "request.metod", 'request.path.matches("(")'),
    });
    fc.assert(
      fc.property(condition, ({ when, ...named }) => {
        const written = when === undefined ? named : { ...named, when };
        if (checkCondition(written, []).length > 0) return;
        const rules = [encodeCondition(written)];
        const authorization = [{ action: AuthorizationAction.DENY, rules }];
        compileAuthorization(create(InboundSchema, { defaultAction: DefaultAction.ALLOW, authorization }));
      }),
      { numRuns: 1_000 },
    );
  });
});
