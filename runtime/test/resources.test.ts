import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { open, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { originText, problemText } from "@patchbay/model";
import { createRecordingLog, temporaryDir } from "@patchbay/testkit";
import { noLog, systemClock } from "@patchbay/wire";
import fc from "fast-check";
import {
  createFileSource,
  createParser,
  type FileSourceOptions,
  type Problem,
  type Resource,
  type ResourceKind,
  type WatchOptions,
} from "../src/index.ts";

const Color: ResourceKind = {
  kind: "Color",
  apiVersion: "patchbay.dev/v1alpha1",
  schema: {
    type: "object",
    properties: { red: { type: "integer", maximum: 255 }, names: { type: "array", items: { type: "string" } } },
    required: ["red"],
    additionalProperties: false,
  },
};
const parse = createParser([Color]);

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
    const routes = createParser([{ ...Color, kind: "HTTPRoute", apiVersion: "gateway.networking.k8s.io/v1" }]);
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

/** Follows colours in a folder of its own; looks only when told to, or when the system reports something. */
async function watchColors(options: Partial<WatchOptions & FileSourceOptions> = {}) {
  const dir = await temporaryDir();
  const settings = { dir: dir.path, log: noLog, clock: systemClock, pollMs: 3_600_000, ...options };
  const source = createFileSource({ ...settings, kinds: ["Color", "Shape"] });
  const seen: unknown[] = [];
  const watch = await source.watch({
    kinds: [Color],
    ...options,
    onChange: (resources) => seen.push(specs(resources)),
  });
  return {
    dir: dir.path,
    file: (name: string) => join(dir.path, name),
    source,
    watch,
    seen,
    reds: () => specs(watch.list()),
    texts: () => [...source.problems(), ...watch.problems()].map(({ message }) => message),
    async [Symbol.asyncDispose]() {
      watch.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function specs(resources: readonly Resource[]): unknown[] {
  return resources.map(({ spec }) => spec);
}

describe("a watched folder", () => {
  it("keeps the last good version of a file that became bad, and says so", async () => {
    await using colors = await watchColors();
    const { watch, reds, texts } = colors;
    const file = colors.file("a.yaml");
    await writeFile(file, color("one", "  red: 1\n"));
    await watch.refresh();
    assert.deepEqual(reds(), [{ red: 1 }]);
    await writeFile(file, color("one", "  red: 1000\n"));
    await watch.refresh();
    assert.deepEqual([reds(), texts()], [[{ red: 1 }], ["spec.red must be <= 255"]]);
    assert.deepEqual([...watch.outdated()], watch.list());
    await writeFile(file, color("one", "  red: 20\n"));
    await watch.refresh();
    assert.deepEqual([reds(), texts(), watch.outdated().size], [[{ red: 20 }], [], 0]);
  });

  it("keeps a file's resources while it is empty for a moment, as when it is saved in place, and drops them when it stays so", async () => {
    await using colors = await watchColors();
    const { watch, reds } = colors;
    const file = colors.file("a.yaml");
    writeFileSync(file, color("one", "  red: 1\n"));
    await watch.refresh();
    // In one go with the look, so that the watcher's own comes later.
    writeFileSync(file, "");
    await watch.refresh();
    assert.deepEqual(reds(), [{ red: 1 }]);
    writeFileSync(file, color("one", "  red: 2\n"));
    await watch.refresh();
    assert.deepEqual(reds(), [{ red: 2 }]);
    writeFileSync(file, "");
    await watch.refresh();
    await watch.refresh();
    assert.deepEqual(reds(), []);
  });

  it("keeps what it knew while a file or the folder cannot be read, and reads it again when it can", async () => {
    await using colors = await watchColors();
    const { dir, source, watch, reds } = colors;
    const file = colors.file("a.yaml");
    const problems = () =>
      source.problems().map(({ origin, message }) => `${originText(origin)}: ${message.slice(0, 14)}`);
    await writeFile(file, color("one", "  red: 1\n"));
    await watch.refresh();
    const changes = colors.seen.length;
    await rm(file);
    await symlink(file, file);
    await watch.refresh();
    await watch.refresh();
    assert.deepEqual([reds(), problems()], [[{ red: 1 }], [`${file}: cannot be read`]]);
    assert.ok(colors.seen.length <= changes + 2, "the same reason is no change");
    await rm(file);
    await writeFile(file, color("one", "  red: 2\n"));
    await watch.refresh();
    assert.deepEqual([reds(), problems()], [[{ red: 2 }], []]);

    const elsewhere = `${dir}-moved`;
    await rename(dir, elsewhere);
    await writeFile(dir, "a file where the folder was");
    await watch.refresh();
    assert.deepEqual([reds(), problems()], [[{ red: 2 }], [`${dir}: cannot be read`]]);
    await rm(dir);
    await rename(elsewhere, dir);
    await watch.refresh();
    assert.deepEqual([reds(), problems()], [[{ red: 2 }], []]);
  });

  it("refuses the second of two resources with one name", async () => {
    await using colors = await watchColors();
    await writeFile(colors.file("a.yaml"), color("one", "  red: 1\n"));
    await writeFile(colors.file("b.yaml"), color("one", "  red: 2\n"));
    await colors.watch.refresh();
    assert.deepEqual([colors.reds(), colors.texts()], [[{ red: 1 }], ["Color default/one exists already"]]);
  });

  it("is read once for all who watch it, and each hears of its own kinds alone", async () => {
    await using colors = await watchColors();
    const shapes = await colors.source.watch({ kinds: [{ ...Color, kind: "Shape" }] });
    const shape = color("two", "  red: 1000\n").replace("Color", "Shape");
    await writeFile(colors.file("a.yaml"), `${color("one", "  red: 1\n")}---\n${shape}`);
    await colors.watch.refresh();
    assert.deepEqual(
      [colors.reds(), colors.watch.problems(), shapes.problems().map(({ kind }) => kind)],
      [[{ red: 1 }], [], ["Shape"]],
    );
    shapes.stop();
    await writeFile(colors.file("a.yaml"), "kind: Colour\n");
    await colors.watch.refresh();
    assert.deepEqual([colors.reds(), colors.watch.problems()], [[{ red: 1 }], []]);
    assert.deepEqual(colors.texts(), ['unknown kind "Colour"']);
  });

  it("tells what is no YAML once, however many watch", async () => {
    const log = createRecordingLog();
    await using colors = await watchColors({ log });
    const other = await colors.source.watch({ kinds: [{ ...Color, kind: "Shape" }], log });
    await writeFile(colors.file("a.yaml"), "kind: [\n");
    await colors.watch.refresh();
    await colors.watch.refresh();
    assert.equal(log.records.length, colors.source.problems().length);
    other.stop();
  });

  it("remembers last good versions over a restart", async () => {
    await using memory = await temporaryDir();
    await using dir = await temporaryDir();
    const options = { dir: dir.path, memory: join(memory.path, "last-good.json") };
    await writeFile(join(dir.path, "a.yaml"), color("one", "  red: 1\n"));
    {
      await using before = await watchColors(options);
      assert.deepEqual(before.reds(), [{ red: 1 }]);
    }
    for (const bad of [color("one", "  red: 1000\n"), "kind: [", "["]) {
      await writeFile(join(dir.path, "a.yaml"), bad);
      await using after = await watchColors(options);
      assert.deepEqual([after.reds(), after.watch.outdated().size], [[{ red: 1 }], 1]);
    }
  });
});

describe("a file that would cost too much", () => {
  const messages = (text: string) => parse("a.yaml", text).problems.map(problemText);

  it("is refused unread when it is large", async () => {
    await using colors = await watchColors();
    await using file = await open(colors.file("a.yaml"), "w");
    await file.truncate(100 * 1024 * 1024);
    await colors.watch.refresh();
    assert.deepEqual(colors.texts(), ["file is larger than 1 MiB"]);
  });

  it("is refused where it passes a limit, by its tokens alone", () => {
    const spec = "apiVersion: a\nkind: Color\nspec:\n";
    const keys = Array.from({ length: 50_001 }, (_, index) => `k${index}: 1`).join("\n");
    const stairs = Array.from({ length: 65 }, (_, index) => `${" ".repeat(index)}k:`).join("\n");
    const cases: readonly [string, string][] = [
      ["---\n".repeat(1_001), "a.yaml:1001: holds more than 1000 documents (split it)"],
      [keys, "a.yaml:50001: holds more than 50000 keys (split it)"],
      ["[".repeat(500_000), "a.yaml:1: nests deeper than 64 levels (no kind needs that)"],
      [`a: ${"{b: ".repeat(100_000)}`, "a.yaml:1: nests deeper than 64 levels (no kind needs that)"],
      ["- ".repeat(100_000), "a.yaml:1: nests deeper than 64 levels (no kind needs that)"],
      ["? ".repeat(100_000), "a.yaml:1: nests deeper than 64 levels (no kind needs that)"],
      [stairs, "a.yaml:65: nests deeper than 64 levels (no kind needs that)"],
      [`${spec} - &a 1\n${" - *a\n".repeat(65)}`, "a.yaml:69: holds more than 64 aliases (write the values out)"],
    ];
    for (const [text, message] of cases) assert.deepEqual(messages(text), [message]);
  });

  it("is refused when few aliases multiply", () => {
    const laughs = Array.from({ length: 7 }, (_, level) => {
      const items = Array(9).fill(level === 0 ? "lol" : `*l${level - 1}`);
      return `l${level}: &l${level} [${items.join(", ")}]\n`;
    });
    assert.match(messages(`kind: Color\n${laughs.join("")}`).join(), /Excessive alias count/);
  });

  it("is not one that is long and flat, however its scalars look", () => {
    const lines = Array.from({ length: 1_000 }, (_, index) => `  - "${"[{- ".repeat(30)}${index}"`).join("\n");
    assert.deepEqual(messages(color("one", `  red: 1\n  names:\n${lines}\n`)), []);
  });

  it("tells no more problems than a person reads", () => {
    const lines = "    - 7\n".repeat(10_000);
    const found = messages(color("one", `  red: 1\n  names:\n${lines}`));
    assert.deepEqual(
      [found.length, found[0], found.at(-1)],
      [
        51,
        "a.yaml:8: spec.names[0] must be string",
        "a.yaml:58: 9950 more problems from here on (mend the first ones, then look again)",
      ],
    );
  });

  it("may not repeat a key", () => {
    assert.deepEqual(messages(color("one", "  red: 1\n  red: 2\n")), [
      'a.yaml:7: repeats the key "red" (each only once)',
    ]);
  });
});
