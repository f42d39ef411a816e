import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { originText, problemText } from "@patchbay/model";
import fc from "fast-check";
import { createParser, type Problem, type Resource, watchResources } from "../src/index.ts";

const kinds = {
  Color: {
    type: "object",
    properties: { red: { type: "integer", maximum: 255 }, names: { type: "array", items: { type: "string" } } },
    required: ["red"],
    additionalProperties: false,
  },
};
const parse = createParser({ kinds });

function color(name: string, spec: string): string {
  return `apiVersion: patchbay.dev/v1alpha1\nkind: Color\nmetadata:\n  name: ${name}\nspec:\n${spec}`;
}

function lineOf({ origin: { source } }: Problem): number {
  return source.case === "file" ? source.value.line : 0;
}

describe("a resource file", () => {
  it("holds several documents", () => {
    const { resources, problems } = parse("a.yaml", `${color("one", "  red: 1\n")}---\n${color("two", "  red: 2\n")}`);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      resources.map((resource) => resource.metadata.name),
      ["one", "two"],
    );
    assert.equal(resources[0]?.metadata.namespace, "default");
  });

  it("is refused with file, line and path of what is wrong", () => {
    const { problems } = parse("a.yaml", color("one", "  red: 1\n  names:\n    - ok\n    - 7\n"));
    assert.deepEqual(problems.map(problemText), ["a.yaml:9: spec.names[1] must be string"]);
  });

  it("names the nearest field for an unknown one", () => {
    const { problems } = parse("a.yaml", color("one", "  red: 1\n  nams: []\n"));
    assert.deepEqual(problems.map(problemText), ['a.yaml:7: spec: unknown field "nams" (did you mean "names"?)']);
  });

  it("names the nearest kind for an unknown one", () => {
    const { problems } = parse("a.yaml", color("one", "  red: 1\n").replace("Color", "Colour"));
    assert.deepEqual(problems.map(problemText), ['a.yaml:2: unknown kind "Colour" (did you mean "Color"?)']);
  });

  it("may hold kinds that another reader uses", () => {
    const { resources, problems } = parse("a.yaml", color("one", "  anything: 1\n").replace("Color", "MeshPlugin"));
    assert.deepEqual({ resources, problems }, { resources: [], problems: [] });
  });

  it("of another API version is refused with the right one", () => {
    const routes = createParser({ kinds: { HTTPRoute: kinds.Color } });
    const text = (version: string): string =>
      `apiVersion: ${version}\nkind: HTTPRoute\nmetadata: { name: x }\nspec: { red: 1 }`;
    assert.deepEqual(routes("a.yaml", text("gateway.networking.k8s.io/v1")).problems, []);
    assert.deepEqual(routes("a.yaml", text("gateway.networking.k8s.io/v1beta1")).problems.map(problemText), [
      'a.yaml:1: apiVersion "gateway.networking.k8s.io/v1beta1" is not that of HTTPRoute (apiVersion: gateway.networking.k8s.io/v1)',
    ]);
  });

  it("with broken YAML says where", () => {
    const { problems } = parse("a.yaml", "kind: Color\n  bad: [\n");
    assert.ok(problems.length > 0);
    assert.ok(problems.every((problem) => lineOf(problem) >= 1 && problem.message !== ""));
  });

  it("with nothing but a broken directive is not an empty file", () => {
    const { problems } = parse("a.yaml", "%YAML 9");
    assert.deepEqual(problems.map(lineOf), [1]);
    assert.deepEqual(parse("a.yaml", "# nothing yet\n"), { resources: [], problems: [] });
  });

  it("whatever it contains, gives resources or problems, never a crash", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 300 }),
          fc.json().map((json) => `kind: Color\nspec: ${json}`),
        ),
        (text) => {
          const { resources, problems } = parse("a.yaml", text);
          for (const problem of problems) assert.ok(lineOf(problem) >= 1);
          for (const resource of resources) assert.equal(resource.kind, "Color");
        },
      ),
    );
  });

  it("that names every field of its schema rightly is always accepted", () => {
    const spec = fc.record({ red: fc.integer({ max: 255 }), names: fc.array(fc.string()) }, { noNullPrototype: true });
    fc.assert(
      fc.property(spec, (value) => {
        const text = JSON.stringify({
          apiVersion: "patchbay.dev/v1alpha1",
          kind: "Color",
          metadata: { name: "x" },
          spec: value,
        });
        const { resources, problems } = parse("a.yaml", text);
        assert.deepEqual(problems, []);
        assert.deepEqual(resources[0]?.spec, value);
      }),
    );
  });
});

describe("a watched folder", () => {
  it("keeps the last good version of a file that became bad, and says so", async () => {
    const dir = await mkdtemp(join(tmpdir(), "patchbay-resources-"));
    const file = join(dir, "a.yaml");
    await writeFile(file, color("one", "  red: 1\n"));
    let inForce: readonly Resource[] = [];
    let outdated: readonly unknown[] = [];
    let problems: readonly Problem[] = [];
    const watch = await watchResources({
      dir,
      kinds,
      onChange: (resources, old) => {
        inForce = resources;
        outdated = [...old];
      },
      onProblems: (all) => {
        problems = all;
      },
    });
    try {
      assert.deepEqual(
        inForce.map((resource) => resource.spec),
        [{ red: 1 }],
      );
      await writeFile(file, color("one", "  red: 1000\n"));
      await watch.refresh();
      assert.deepEqual(
        inForce.map((resource) => resource.spec),
        [{ red: 1 }],
      );
      assert.deepEqual(
        problems.map((problem) => problem.message),
        ["spec.red must be <= 255"],
      );
      assert.deepEqual(outdated, inForce);
      await writeFile(file, color("one", "  red: 20\n"));
      await watch.refresh();
      assert.deepEqual(
        inForce.map((resource) => resource.spec),
        [{ red: 20 }],
      );
      assert.deepEqual([problems, outdated], [[], []]);
    } finally {
      watch.stop();
      await rm(dir, { recursive: true });
    }
  });

  it("keeps a file's resources while it is empty for a moment, as when it is saved in place, and drops them when it stays so", async () => {
    const dir = await mkdtemp(join(tmpdir(), "patchbay-resources-"));
    const file = join(dir, "a.yaml");
    await writeFile(file, color("one", "  red: 1\n"));
    const seen: unknown[] = [];
    const watch = await watchResources({
      dir,
      kinds,
      // Only when told to.
      pollMs: 3_600_000,
      onChange: (resources) => seen.push(resources.map(({ spec }) => spec)),
      onProblems: () => undefined,
    });
    try {
      // In one go with the look, so that the watcher's own comes later.
      writeFileSync(file, "");
      await watch.refresh();
      assert.deepEqual(seen, [[{ red: 1 }], [{ red: 1 }]]);
      writeFileSync(file, color("one", "  red: 2\n"));
      await watch.refresh();
      assert.deepEqual(seen.at(-1), [{ red: 2 }]);
      writeFileSync(file, "");
      await watch.refresh();
      await watch.refresh();
      assert.deepEqual(seen.at(-1), []);
    } finally {
      watch.stop();
      await rm(dir, { recursive: true });
    }
  });

  it("keeps what it knew while a file or the folder cannot be read, and reads it again when it can", async () => {
    const dir = await mkdtemp(join(tmpdir(), "patchbay-resources-"));
    const file = join(dir, "a.yaml");
    await writeFile(file, color("one", "  red: 1\n"));
    let reds: readonly unknown[] = [];
    let problems: readonly string[] = [];
    let changes = 0;
    const watch = await watchResources({
      dir,
      kinds,
      pollMs: 60_000,
      onChange: (resources) => {
        reds = resources.map(({ spec }) => spec);
        changes += 1;
      },
      onProblems: (all) => {
        problems = all.map(({ origin, message }) => `${originText(origin)}: ${message.slice(0, 14)}`);
      },
    });
    const elsewhere = `${dir}-moved`;
    try {
      await rm(file);
      await symlink(file, file);
      await watch.refresh();
      await watch.refresh();
      assert.deepEqual([reds, problems, changes], [[{ red: 1 }], [`${file}: cannot be read`], 2]);
      await rm(file);
      await writeFile(file, color("one", "  red: 2\n"));
      await watch.refresh();
      assert.deepEqual([reds, problems], [[{ red: 2 }], []]);

      await rename(dir, elsewhere);
      await writeFile(dir, "a file where the folder was");
      await watch.refresh();
      assert.deepEqual([reds, problems], [[{ red: 2 }], [`${dir}: cannot be read`]]);
      await rm(dir);
      await rename(elsewhere, dir);
      await watch.refresh();
      assert.deepEqual([reds, problems], [[{ red: 2 }], []]);
    } finally {
      watch.stop();
      await rm(dir, { recursive: true, force: true });
      await rm(elsewhere, { recursive: true, force: true });
    }
  });

  it("refuses the second of two resources with one name", async () => {
    const dir = await mkdtemp(join(tmpdir(), "patchbay-resources-"));
    await writeFile(join(dir, "a.yaml"), color("one", "  red: 1\n"));
    await writeFile(join(dir, "b.yaml"), color("one", "  red: 2\n"));
    const seen: { resources: readonly Resource[]; problems: readonly Problem[] } = { resources: [], problems: [] };
    const watch = await watchResources({
      dir,
      kinds,
      onChange: (resources) => Object.assign(seen, { resources }),
      onProblems: (problems) => Object.assign(seen, { problems }),
    });
    watch.stop();
    await rm(dir, { recursive: true });
    assert.deepEqual(
      seen.resources.map((resource) => resource.spec),
      [{ red: 1 }],
    );
    assert.match(seen.problems[0]?.message ?? "", /exists already/);
  });
});
