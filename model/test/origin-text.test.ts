import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { OriginSchema } from "@patchbay/proto/mesh/common/v1/origin_pb";
import { originText, problemText } from "../src/index.ts";

const inFile = (path: string, line: number): MessageInitShape<typeof OriginSchema> => ({
  source: { case: "file", value: { path, line } },
});
const inObject = (field: string): MessageInitShape<typeof OriginSchema> => ({
  source: { case: "object", value: { kind: "HTTPRoute", namespace: "shop", name: "cart", field } },
});

describe("an origin", () => {
  for (const [origin, text] of [
    [inFile("a.yaml", 3), "a.yaml:3"],
    [inFile("a.yaml", 0), "a.yaml"],
    [inObject("spec.rules[0].when"), "HTTPRoute shop/cart spec.rules[0].when"],
    [inObject(""), "HTTPRoute shop/cart"],
    [{}, ""],
  ] as const)
    it(`reads ${JSON.stringify(text)}`, () => assert.equal(originText(create(OriginSchema, origin)), text));

  it("stands before what is said of it", () => {
    const origin = create(OriginSchema, inFile("a.yaml", 3));
    assert.equal(problemText({ origin, message: "is wrong", hint: "mend it" }), "a.yaml:3: is wrong (mend it)");
    assert.equal(problemText({ message: "is wrong", hint: "" }), "is wrong");
  });
});
