import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { RegistrationSchema, Registry, WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { noLog } from "@patchbay/wire";
import { createView, createViewTable } from "../src/index.ts";

const entry = (id: string) => create(RegistrationSchema, { id });
const message = (fields: { reset?: boolean; complete: boolean; changed?: string[]; removed?: string[] }) =>
  create(WatchResponseSchema, { ...fields, changed: (fields.changed ?? []).map(entry) });
const ids = (table: ReturnType<typeof createViewTable>) => table.list().map((one) => one.id);

describe("a view of the registry", () => {
  it("forgets what a complete picture does not name", () => {
    const table = createViewTable();
    table.apply(message({ reset: true, complete: true, changed: ["a", "b"] }));
    table.apply(message({ reset: true, complete: true, changed: ["b", "c"] }));
    assert.deepEqual(ids(table), ["b", "c"]);
  });

  it("removes nothing because of an incomplete picture", () => {
    const table = createViewTable();
    table.apply(message({ reset: true, complete: true, changed: ["a", "b"] }));
    table.apply(message({ reset: true, complete: false, changed: ["c"] }));
    assert.deepEqual(ids(table), ["a", "b", "c"]);
    assert.equal(table.complete(), false);
  });

  it("tells its subscribers what changed, until they leave", () => {
    const table = createViewTable();
    const heard: unknown[] = [];
    const leave = table.subscribe(({ changed, removed }) => heard.push([changed.map((one) => one.id), removed]));
    table.apply(message({ reset: true, complete: true, changed: ["a"] }));
    table.apply(message({ complete: true, removed: ["a"] }));
    leave();
    table.apply(message({ complete: true, changed: ["b"] }));
    assert.deepEqual(heard, [
      [["a"], []],
      [[], ["a"]],
    ]);
  });

  it("comes back to a registry that was away", async () => {
    let tries = 0;
    const registry = createRouterTransport((router) =>
      router.service(Registry, {
        async *watch(_request, context) {
          tries += 1;
          if (tries < 4) throw new ConnectError("away", Code.Unavailable);
          yield message({ reset: true, complete: true, changed: ["a"] });
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve, { once: true }));
        },
      }),
    );
    const view = createView({ registry, log: noLog });
    await view.ready();
    view.stop();
    assert.deepEqual(
      view.list().map((one) => one.id),
      ["a"],
    );
    assert.equal(tries, 4);
  });
});
