import { stripTypeScriptTypes } from "node:module";
import { dirname, posix } from "node:path";

/** One source file on its way into the package: where it is in the clone, and where it goes. */
export interface SourceFile {
  /** Path in the package without its suffix, such as `"dist/model/answers"`. */
  readonly target: string;
  readonly text: string;
}

/** Where the import of a source file points to in the package; undefined for other packages, which stay as they are. */
export type ResolveTarget = (specifier: string, from: SourceFile) => string | undefined;

const SPECIFIERS = /(\bfrom\s*|\bimport\s*\(\s*|^import\s+)(["'])([^"'\n]+)\2/gm;

/** What a file imports, as written. */
export function importsOf(text: string): string[] {
  return [...text.matchAll(SPECIFIERS)].map((found) => found[3] ?? "");
}

/** Erases the types of a source file and points its imports into the package. Lines stay where they are. */
export function toJavaScript(file: SourceFile, resolve: ResolveTarget): string {
  const erased = withoutWarning(() => stripTypeScriptTypes(file.text, { mode: "strip" }));
  return rewriteImports({ ...file, text: erased }, resolve, ".js");
}

/** Points the imports of a declaration file into the package. */
export function rewriteImports(file: SourceFile, resolve: ResolveTarget, suffix: string): string {
  return file.text.replaceAll(SPECIFIERS, (all, before: string, quote: string, specifier: string) => {
    const target = resolve(specifier, file);
    return target === undefined ? all : `${before}${quote}${relative(file.target, target)}${suffix}${quote}`;
  });
}

function relative(from: string, to: string): string {
  const path = posix.relative(dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
}

/** Node calls the function experimental, each time on standard error; what it did is tested. */
function withoutWarning<T>(work: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}
