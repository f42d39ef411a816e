import { Session } from "node:inspector";
import { findSourceMap } from "node:module";
import { shortPath, toPath } from "./place.ts";

interface RawLocation {
  readonly scriptId: string;
  readonly lineNumber: number;
  readonly columnNumber?: number;
}

/**
 * Where a generator is suspended (the line of its last `yield`), or where a function begins. A suspended generator is on no stack,
 * so V8's inspector is asked, which costs some 20 ms: only for reporting a mistake. Undefined when V8 does not know.
 */
export function placeOfFunction(value: object): string | undefined {
  const session = new Session();
  try {
    session.connect();
    return findPlace(session, value);
  } catch {
    return undefined;
  } finally {
    session.disconnect();
  }
}

function findPlace(session: Session, value: object): string | undefined {
  const urls = new Map<string, string>();
  session.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url));
  session.post("Debugger.enable");
  const location = rawLocation(session, value);
  const url = urls.get(location?.scriptId ?? "") ?? "";
  return location && url !== "" ? sourcePlace(url, location) : undefined;
}

/** Reads the engine's internal slot of the value; the session answers within the call because it is this thread's own. */
function rawLocation(session: Session, value: object): RawLocation | undefined {
  const key = "__meshSdkPlaceOf";
  let found: RawLocation | undefined;
  Object.defineProperty(globalThis, key, { value, configurable: true });
  session.post("Runtime.evaluate", { expression: `globalThis.${key}` }, (_error, evaluated) => {
    const objectId = evaluated?.result.objectId;
    if (objectId === undefined) return;
    session.post("Runtime.getProperties", { objectId, ownProperties: true }, (_failed, properties) => {
      const slots = properties?.internalProperties ?? [];
      const slot = ["[[GeneratorLocation]]", "[[FunctionLocation]]"].map((name) => slots.find((s) => s.name === name));
      found = slot.find((s) => s !== undefined)?.value?.value;
    });
  });
  Reflect.deleteProperty(globalThis, key);
  return found;
}

/** The place in the file that the author wrote, when a loader (tsx) has compiled it. Both count from 0 here. */
function sourcePlace(url: string, location: RawLocation): string | undefined {
  const line = location.lineNumber;
  const column = location.columnNumber ?? 0;
  const entry = findSourceMap(url)?.findEntry(line, column);
  const path = toPath(url);
  if (entry && "originalLine" in entry)
    return place(toPath(entry.originalSource) ?? path, entry.originalLine, entry.originalColumn);
  return place(path, line, column);
}

function place(path: string | undefined, line: number, column: number): string | undefined {
  return path === undefined || path === "" ? undefined : `${shortPath(path)}:${line + 1}:${column + 1}`;
}
