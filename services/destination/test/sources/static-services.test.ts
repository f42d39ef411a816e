import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { problemText } from "@patchbay/model";
import { createFileSource, createParser } from "@patchbay/runtime";
import { createRecordingLog, eventually, temporaryDir } from "@patchbay/testkit";
import { systemClock } from "@patchbay/wire";
import fc from "fast-check";
import { type StaticServiceSpec, staticAnswer, staticService } from "../../src/sources/static-service.ts";
import { watchStaticServices } from "../../src/sources/static-services.ts";
import { startDestination } from "../support/destination.ts";
import { proxy } from "../support/registrations.ts";
import { watch } from "../support/watcher.ts";

const parse = createParser([staticService]);

/** JSON is YAML. */
const yaml = (name: string, spec: unknown): string =>
  `${JSON.stringify({ apiVersion: "patchbay.dev/v1alpha1", kind: staticService.kind, metadata: { name }, spec }, undefined, 2)}\n`;

const problems = (text: string) => parse("services.yaml", text).problems.map(problemText);

describe("a StaticService", () => {
  it("says in which line what is wrong, and what to do", () => {
    const head = ["apiVersion: patchbay.dev/v1alpha1", "kind: StaticService", "metadata: { name: billing }", "spec:"];
    const cases: readonly [readonly string[], RegExp][] = [
      [
        ["  endpoints:", "    - { address: 127.0.0.1, port: 99999 }"],
        /^services\.yaml:6: spec\.endpoints\[0\]\.port must be <= 65535/,
      ],
      [
        ["  endpoints:", "    - address: billing.corp", "      port: 80"],
        /^services\.yaml:6: .*"billing\.corp" is not an IP address \(for a name, use rewrite\)/,
      ],
      [["  endpoints:", "    - address: 169.254.169.254", "      port: 80"], /^services\.yaml:6: .*link-local/],
      [["  endpoint: []"], /^services\.yaml:5: spec: unknown field "endpoint" \(.*endpoints/],
      [["  rewrite: 'not a name'"], /^services\.yaml:5: spec\.rewrite "not a name" is not an authority/],
      [["  ports: [80]"], /^services\.yaml:5: spec needs endpoints or rewrite \(endpoints: \[/],
      [["  rewrite: people", "  endpoints: []"], /^services\.yaml:5: spec needs either endpoints or rewrite, not both/],
    ];
    for (const [lines, message] of cases) {
      const [first, ...rest] = problems([...head, ...lines].join("\n"));
      assert.match(first ?? "", message);
      assert.deepEqual(rest, []);
    }
  });

  it("is either read as it was written or refused with a line, for any spec that one may write", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("127.0.0.1", "10.0.0.1", "users", "127.1", "::"));
    const endpoint = fc.record(
      {
        address: fc.oneof(address, fc.string({ maxLength: 5 }), fc.integer()),
        port: fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.constant("80")),
        weight: fc.integer({ min: -1, max: 10 }),
        protocol: fc.constantFrom("http1", "http2", "opaque", "smoke"),
        labels: fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), { maxKeys: 3 }),
        zone: fc.string({ maxLength: 8 }),
      },
      { requiredKeys: ["address", "port"] },
    );
    const spec = fc.record(
      {
        ports: fc.array(fc.integer({ min: -1, max: 70_000 }), { maxLength: 3 }),
        endpoints: fc.array(endpoint, { maxLength: 4 }),
        rewrite: fc.oneof(fc.domain(), fc.string({ maxLength: 10 })),
        surprise: fc.anything({ maxDepth: 1 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(spec, (written) => {
        const text = yaml("billing", JSON.parse(JSON.stringify(written)));
        const { resources, problems: found } = parse("services.yaml", text);
        assert.equal(resources.length + Math.min(found.length, 1), 1, text);
        for (const { origin, message } of found) {
          const line = origin.source.case === "file" ? origin.source.value.line : 0;
          assert.ok(line >= 1 && line <= text.split("\n").length && message !== "");
        }
        for (const resource of resources) checkRead(resource.spec as StaticServiceSpec);
      }),
      { numRuns: 500 },
    );
  });

  it("serves its name while the file says so, and by its last good text while the file is wrong", async () => {
    await using dir = await temporaryDir();
    const log = createRecordingLog();
    const settings = { resolveDeadlineMs: 1_000, staleForMs: 1_000 };
    const resources = createFileSource({ dir: dir.path, log, clock: systemClock, pollMs: 20 });
    const statics = await watchStaticServices({ resources, settings, log });
    const file = join(dir.path, "services.yaml");
    await writeFile(file, yaml("billing", { endpoints: [{ address: "127.0.0.1", port: "eighty" }] }));
    const reason = () => statics.status().reason;
    await eventually(() => reason() !== "");
    assert.match(reason(), /services\.yaml:\d+: spec\.endpoints\[0\]\.port must be integer/);
    await writeFile(file, yaml("billing", { endpoints: [{ address: "127.0.0.1", port: 80 }] }));
    await eventually(() => reason() === "");
    statics.stop();
  });

  it("comes after workloads, and may point to endpoints, other services or nobody", async () => {
    await using mesh = await startDestination({ registrations: [proxy({ service: "people", port: 7001 })] });
    const file = join(mesh.resourcesDir, "services.yaml");
    await using billing = watch(mesh.client, "billing:8080");
    await using users = watch(mesh.client, "users");
    await using people = watch(mesh.client, "people");
    await billing.until("absent by nobody");
    const documents = (billingSpec: StaticServiceSpec) =>
      [yaml("billing", billingSpec), yaml("users", { rewrite: "people" }), yaml("people", { endpoints: [] })].join(
        "---\n",
      );
    await writeFile(
      file,
      documents({ ports: [8080], endpoints: [{ address: "127.0.0.1", port: 9090, labels: { version: "2" } }] }),
    );
    await billing.until("endpoints 9090 by static-services");
    await users.until("endpoints 7001 by workloads");
    assert.equal(people.messages.length, 1, "the workload decides");
    await writeFile(file, documents({ endpoints: [] }));
    await billing.until("empty by static-services");
    await writeFile(file, "spec: [");
    await using other = watch(mesh.client, "billing:8081");
    await other.until("empty by static-services");
    await writeFile(file, "");
    await billing.until("absent by nobody");
    await users.until("absent by nobody");
  });
});

/** What passed the checks can be answered. */
function checkRead(spec: StaticServiceSpec): void {
  const answer = staticAnswer(spec, "default");
  if (spec.rewrite !== undefined) assert.equal(answer.kind, "rewrite");
  else assert.equal(answer.kind, spec.endpoints?.length ? "endpoints" : "empty");
  if (answer.kind !== "endpoints") return;
  for (const { address, port } of answer.endpoints) {
    assert.ok(spec.endpoints?.some((one) => one.address === address && one.port === port));
  }
}
