/** One walk of ARCHITECTURE.md and the files that it passes. */
interface Walk {
  /** Such as "one authority". */
  readonly name: string;
  readonly files: readonly string[];
}

/** The sections "## Walk N: name", each with the files that its text mentions in backquotes, once each. */
function walksOf(architecture: string): readonly Walk[] {
  return architecture
    .split(/^## /m)
    .filter((section) => /^Walk \d+:/.test(section))
    .map((section) => ({
      name: /^Walk \d+: (.*)$/m.exec(section)?.[1] ?? "",
      files: [
        ...new Set([...section.matchAll(/`([\w./-]+\/[\w.-]+\.(?:ts|mjs|proto))`/g)].map(([, file = ""]) => file)),
      ],
    }));
}

/** "walks        one authority 17, one report 13, ... files" */
export function walkFigures(architecture: string): string {
  const counts = walksOf(architecture).map(({ name, files }) => `${name} ${files.length}`);
  return `walks        ${counts.join(", ")} files`;
}
