import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Everything below is the SDK itself: `src/` in the clone, `dist/` in the package. */
const sdkRoot = join(import.meta.dirname, "..") + sep;

const FRAME_PATTERN = /(?:\(|at (?:async )?)((?:file:\/\/|\/|[A-Za-z]:[\\/]).*):(\d+):(\d+)\)?$/;

/** Where the author's code is in a stack: `"src/plugin.ts:12:5"`, relative to the working folder; undefined when nowhere. */
export function placeInStack(stack: string | undefined): string | undefined {
  for (const line of (stack ?? "").split("\n")) {
    const place = placeInFrame(line);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** The lines of a stack that are in the author's code. */
export function authorFrames(stack: string | undefined): string[] {
  return (stack ?? "").split("\n").filter((line) => placeInFrame(line) !== undefined);
}

function placeInFrame(line: string): string | undefined {
  const frame = FRAME_PATTERN.exec(line.trim());
  const path = frame?.[1] === undefined ? undefined : toPath(frame[1]);
  return path !== undefined && isAuthors(path) ? `${shortPath(path)}:${frame?.[2]}:${frame?.[3]}` : undefined;
}

/** The place in the author's code that called into the SDK just now. */
export function placeOfCaller(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const { stack } = new Error();
  Error.stackTraceLimit = limit;
  return placeInStack(stack);
}

/** A script's URL or path as a path; loaders append queries to URLs. */
export function toPath(url: string): string | undefined {
  const bare = url.replace(/\?[^/]*$/, "");
  if (!bare.startsWith("file://")) return bare.startsWith("node:") ? undefined : bare;
  try {
    return fileURLToPath(bare);
  } catch {
    return undefined;
  }
}

/** Relative to the working folder when it is inside. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

/** Neither the SDK's own file nor a package's. */
export function isAuthors(path: string): boolean {
  return !path.startsWith(sdkRoot) && !path.includes(`${sep}node_modules${sep}`);
}
