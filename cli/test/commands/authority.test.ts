import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { serviceKey, tryParseAuthority } from "@patchbay/model";
import { AUTHORITY_CASES, ODD_AUTHORITY_CASES } from "@patchbay/testkit";
import { inNamespace } from "../../src/commands/explain/explain-request.ts";
import { readRequest } from "../../src/commands/explain/request-text.ts";
import { tapRequest } from "../../src/commands/tap/tap-request.ts";
import { parseAuthorityText } from "../../src/parse-options.ts";

/** Nothing follows a scheme, a path or a query in what people copy, and a service of a tap may be "namespace/name". */
const odd = ODD_AUTHORITY_CASES.filter(({ text }) => !/[/?#]/.test(text));

describe("the command line", () => {
  for (const { text, namespace = "default", rule, means } of [...AUTHORITY_CASES, ...odd]) {
    const name = JSON.stringify(text.slice(0, 40));
    if (means === undefined)
      it(`refuses ${name} (${rule})`, () => {
        assert.throws(() => parseAuthorityText(text));
        if (text !== "") assert.throws(() => tapRequest(text, { output: "text" }));
      });
    else
      it(`understands ${name} in ${namespace} (${rule})`, () => {
        assert.equal(tryParseAuthority(parseAuthorityText(text), namespace)?.key, means.key);
        const asked = tryParseAuthority(inNamespace(readRequest(`GET ${text}/cart`), namespace).authority);
        assert.equal(asked?.service && serviceKey(asked.service), means.service === "" ? undefined : means.service);
        const service = means.service === "" ? `default/${means.short}` : means.service;
        if (namespace === "default") assert.equal(tapRequest(text, { output: "text" }).selector?.target, service);
      });
  }
});
