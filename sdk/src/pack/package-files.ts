import { globSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { isRecord } from "@patchbay/model";
import { rewriteImports, toJavaScript } from "./javascript.ts";
import { collectSources, resolveTarget, targetOf } from "./sources.ts";
import type { ArchiveFile } from "./tar.ts";

type Manifest = Readonly<Record<string, unknown>>;

/**
 * Builds every file of the package `mesh-sdk` from the clone: JavaScript with proto, model, wire and process inlined, declarations, templates.
 * Files of public types hold nothing that runs, and become declarations only.
 */
export function buildPackageFiles(clone: string): ArchiveFile[] {
  const sdk = join(clone, "sdk");
  return [
    ...collectSources(clone)
      .filter(({ target }) => !target.startsWith("dist/public/"))
      .map((source) => file(`${source.target}.js`, toJavaScript(source, resolveTarget))),
    ...readTree(join(clone, "process", "src"), "**/*.mjs", "dist/_process"),
    ...declarations(clone),
    ...readTree(join(sdk, "templates"), "**/*", "templates"),
    ...readTree(sdk, "README.md", ""),
    { ...file("bin/mesh-sdk.mjs", readFileSync(join(sdk, "bin", "mesh-sdk.mjs"))), executable: true },
    file("LICENSE", readFileSync(join(clone, "LICENSE"))),
    file("package.json", `${JSON.stringify(packageManifest(readManifest(sdk)), null, 2)}\n`),
  ];
}

/** Reads the files of a package that is installed, to pack it again. */
export function readPackageFiles(root: string): ArchiveFile[] {
  const patterns = ["dist/**/*", "types/**/*", "templates/**/*", "bin/*", "README.md", "LICENSE", "package.json"];
  return patterns
    .flatMap((pattern) => readTree(root, pattern, ""))
    .map((each) => ({ ...each, executable: each.path.startsWith("bin/") }));
}

/** Public types are type-only files, so that a copy is a declaration file; those of functions are written by hand. */
function declarations(clone: string): ArchiveFile[] {
  const publicTypes = globSync("sdk/src/public/*.ts", { cwd: clone }).map((path) => ({
    target: targetOf(path).replace(/^dist\//, "types/"),
    text: readFileSync(join(clone, path), "utf8"),
  }));
  const written = globSync("sdk/types/*.d.ts", { cwd: clone }).map((path) => ({
    target: targetOf(path),
    text: readFileSync(join(clone, path), "utf8").replaceAll("../src/public/", "./public/"),
  }));
  return [...publicTypes, ...written].map((each) =>
    file(`${each.target}.d.ts`, rewriteImports(each, resolveTarget, ".js")),
  );
}

/** The manifest for strangers: no workspace packages, built files, what Node and npm need to know. */
function packageManifest(manifest: Manifest): Manifest {
  const { private: _private, dependencies, exports: _exports, bin, ...rest } = manifest;
  const own = isRecord(dependencies)
    ? Object.entries(dependencies).filter(([name]) => !name.startsWith("@patchbay/"))
    : [];
  return {
    ...rest,
    engines: { node: ">=22.13" },
    exports: {
      ".": { types: "./types/index.d.ts", default: "./dist/index.js" },
      "./test": { types: "./types/test.d.ts", default: "./dist/test/index.js" },
      "./package.json": "./package.json",
    },
    bin,
    dependencies: Object.fromEntries(own),
    peerDependencies: { "@patchbay/up": "*" },
    peerDependenciesMeta: { "@patchbay/up": { optional: true } },
  };
}

function readManifest(sdk: string): Manifest {
  const manifest: unknown = JSON.parse(readFileSync(join(sdk, "package.json"), "utf8"));
  return isRecord(manifest) ? manifest : {};
}

function readTree(root: string, pattern: string, target: string): ArchiveFile[] {
  return globSync(pattern, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => {
      const inside = path
        .slice(root.length + 1)
        .split(sep)
        .join("/");
      return file(target === "" ? inside : `${target}/${inside}`, readFileSync(path));
    });
}

function file(path: string, content: string | Uint8Array): ArchiveFile {
  return { path, data: typeof content === "string" ? Buffer.from(content) : content };
}
