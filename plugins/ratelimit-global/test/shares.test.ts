import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dueTo } from "../src/shares.ts";

test("enough for all is what each of them wants", () => {
  assert.equal(dueTo({ served: 9, wants: 3 }, [{ served: 0, wants: 4 }], 7), 3);
});

test("too little is shared evenly, and what one does not want goes to the others", () => {
  const others = [
    { served: 0, wants: 100 },
    { served: 0, wants: 2 },
  ];
  assert.equal(dueTo({ served: 0, wants: 100 }, others, 12), 5);
});

test("whoever got less comes first", () => {
  assert.equal(dueTo({ served: 10, wants: 100 }, [{ served: 0, wants: 100 }], 8), 0);
  assert.equal(dueTo({ served: 0, wants: 100 }, [{ served: 10, wants: 100 }], 8), 8);
  assert.equal(dueTo({ served: 0, wants: 100 }, [{ served: 4, wants: 100 }], 8), 6);
});

test("the last one goes to one of those that got least", () => {
  const even = { served: 0, wants: 5 };
  assert.equal(dueTo(even, [even, even], 1), 1);
  assert.equal(dueTo({ served: 1, wants: 5 }, [even, even], 1), 0);
});

test("nobody is due more than it wants or there is, and all together no more than one more than there is each", () => {
  const claim = fc.record({ served: fc.integer({ min: 0, max: 1_000 }), wants: fc.integer({ min: 1, max: 1_000 }) });
  fc.assert(
    fc.property(
      fc.array(claim, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 3_000 }),
      (claims, tokens) => {
        const dues = claims.map((mine, index) => dueTo(mine, claims.toSpliced(index, 1), tokens));
        for (const [index, due] of dues.entries())
          assert.ok(due >= 0 && due <= Math.min(tokens, claims[index]?.wants ?? 0));
        const sum = dues.reduce((total, each) => total + each, 0);
        assert.ok(sum <= tokens + claims.length);
        assert.ok(
          dues.some((due) => due > 0),
          "tokens do not lie about while somebody wants them",
        );
      },
    ),
    { numRuns: 300, seed: 7 },
  );
});
