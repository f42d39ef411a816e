import { readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { importsOf, type ResolveTarget, type SourceFile } from "./javascript.ts";

/** Folders of the clone and where their files go in the package. */
const rooms = [
  { folder: join("sdk", "src"), target: "dist" },
  { folder: join("wire", "src"), target: "dist/_wire" },
  { folder: join("model", "src"), target: "dist/_model" },
  { folder: join("process", "src"), target: "dist/_process" },
  { folder: join("proto", "gen"), target: "dist/_proto" },
  { folder: join("sdk", "types"), target: "types" },
] as const;

/** What the package's JavaScript begins with; everything else is reached from here. */
const entries = ["index.ts", "test/index.ts", "cli/main.ts", "dev/child.ts"].map((file) =>
  join("sdk", "src", ...file.split("/")),
);

/** The files of the clone that the package's JavaScript needs: the SDK's own, those of the inlined rooms and the generated ones, by imports. */
export function collectSources(clone: string): SourceFile[] {
  const sources = new Map<string, SourceFile>();
  const visit = (path: string) => {
    if (sources.has(path)) return;
    const source = { target: targetOf(path), text: readFileSync(join(clone, path), "utf8") };
    sources.set(path, source);
    for (const specifier of importsOf(source.text)) {
      const imported = importedPath(specifier, path);
      if (imported !== undefined) visit(imported);
    }
  };
  for (const entry of entries) visit(entry);
  return [...sources.values()];
}

/** Where a file of the clone goes in the package, without its suffix. */
export function targetOf(path: string): string {
  const room = rooms.find(({ folder }) => path.startsWith(folder + sep));
  if (!room) throw new Error(`${path} is outside of what the package is made of`);
  const inside = relative(room.folder, path).split(sep).join("/");
  return posix.join(room.target, inside.replace(/(\.d)?\.ts$/, ""));
}

/** Points an import into the package, by the rules of importedPath. */
export const resolveTarget: ResolveTarget = (specifier, from) => {
  if (specifier.startsWith("@patchbay/")) {
    const path = importedPath(specifier, "");
    return path === undefined ? undefined : targetOf(path);
  }
  if (!specifier.startsWith(".") || !specifier.endsWith(".ts")) return undefined;
  return posix.join(dirname(from.target), specifier.replace(/(\.d)?\.ts$/, ""));
};

/** The clone's file that an import means; undefined for a package from npm or a name that is computed. */
function importedPath(specifier: string, from: string): string | undefined {
  const inlined = /^@patchbay\/(wire|model|process)(?:\/(.+))?$/.exec(specifier);
  if (inlined) return join(inlined[1] ?? "", "src", `${inlined[2] ?? "index"}.ts`);
  const proto = /^@patchbay\/proto\/(.+)$/.exec(specifier);
  if (proto) return join("proto", "gen", ...`${proto[1]}.ts`.split("/"));
  if (!specifier.startsWith(".") || !specifier.endsWith(".ts")) return undefined;
  return join(dirname(from), specifier);
}
