import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AUTHORITY_CASES } from "@patchbay/testkit";
import { outboundLabels, ownLabels } from "../../src/core/expose/metric-labels.ts";

describe("labels of metrics", () => {
  for (const { text, means } of AUTHORITY_CASES) {
    if (means === undefined) continue;
    const { short, service } = means;
    const [namespace, name] = service === "" ? ["", short] : service.split("/");
    it(`of ${JSON.stringify(text.slice(0, 40))} name the service that the mesh asks for`, () => {
      const labels = outboundLabels({ source: "web", target: short, backend: short });
      for (const label of [`dst_namespace="${namespace}"`, `dst_service="${name}"`, `dst_deployment="${name}"`])
        assert.ok(labels.split(",").includes(label), `${label} in ${labels}`);
      assert.equal(ownLabels(short), `namespace="${namespace}",deployment="${name}"`);
    });
  }
});
