/** Commands that a document shows in its sh and console blocks, as "mesh stat" or "npm start". */
export function shownCommands(markdown: string): readonly string[] {
  const blocks = [...markdown.matchAll(/```(?:sh|console)\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
  const lines = blocks
    .flatMap((block) => block.split("\n"))
    .map((line) => line.replace(/^\$ /, "").replace(/^npx /, "").trim());
  return [...new Set(lines.filter((line) => /^(mesh|mesh-sdk|npm) /.test(line)))];
}

interface KnownCommands {
  readonly mesh: ReadonlySet<string>;
  readonly meshSdk: ReadonlySet<string>;
  readonly npm: ReadonlySet<string>;
}

/** Commands that do not exist, one sentence each. */
export function unknownCommands(
  document: string,
  commands: readonly string[],
  known: KnownCommands,
): readonly string[] {
  return commands.flatMap((command) => {
    const words = command.split(/\s+/);
    const [program = "", first = ""] = words;
    const name = program === "npm" && first === "run" ? (words[2] ?? "") : first;
    const names = program === "mesh" ? known.mesh : program === "mesh-sdk" ? known.meshSdk : known.npm;
    return names.has(name) || name.startsWith("-")
      ? []
      : [`${document} shows "${command}", but ${program} has no ${name}`];
  });
}
