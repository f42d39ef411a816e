import type { Source } from "./sources.ts";

/** Lines of the fenced block "map" in ARCHITECTURE.md: a path, two or more spaces, what it is. */
function mapEntries(architecture: string): readonly string[] {
  const block = /```map\n([\s\S]*?)```/.exec(architecture)?.[1];
  if (block === undefined) throw new Error("ARCHITECTURE.md has no ```map block");
  return block
    .split("\n")
    .map((line) => line.split(/\s{2,}/)[0]?.trim() ?? "")
    .filter(Boolean);
}

/** Where map and tree differ, one sentence each: folders of code that the map lacks, and entries that do not exist. */
export function mapDifferences(architecture: string, files: readonly string[]): readonly string[] {
  const entries = new Set(mapEntries(architecture));
  const folders = new Set(files.filter((path) => path.includes("/")).flatMap(topFolders));
  const missing = [...folders].filter((folder) => !entries.has(folder)).map((folder) => `${folder} is not in the map`);
  const known = new Set([...folders, ...files]);
  const gone = [...entries]
    .filter((entry) => !known.has(entry))
    .map((entry) => `${entry} is in the map, but not in the tree`);
  return [...missing, ...gone];
}

/** The rooms, and inside services and data planes their four rooms. */
function topFolders(path: string): readonly string[] {
  const parts = path.split("/");
  const depth = ["services", "dataplanes", "examples", "plugins"].includes(parts[0] ?? "") ? 2 : 1;
  const room = `${parts.slice(0, depth).join("/")}/`;
  const inner = parts.slice(0, depth + 2);
  const isService = depth === 2 && parts[0] !== "examples" && parts[depth] === "src" && parts.length > depth + 2;
  return isService ? [room, `${inner.join("/")}/`] : [room];
}

/** File names that prose mentions in backquotes and that do not exist. */
export function brokenMentions({ path, text }: Source, files: readonly string[]): readonly string[] {
  const known = new Set(files);
  const mentioned = [...text.matchAll(/`([\w./-]+\/[\w.-]+\.(?:ts|mjs|proto|md|yaml|json))`/g)].map(
    (match) => match[1] ?? "",
  );
  return mentioned.filter((name) => !known.has(name)).map((name) => `${path} mentions ${name}, which does not exist`);
}
