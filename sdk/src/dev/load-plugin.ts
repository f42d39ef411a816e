import { pathToFileURL } from "node:url";
import { isRecord } from "@patchbay/model";
import { describeThrown, PluginMistake, show } from "../errors/mistake.ts";
import { shortPath } from "../errors/place.ts";
import { internalsOf } from "../model/definition.ts";
import type { Plugin } from "../public/plugin.ts";

/** Imports the file whose default export is the plugin. Throws a PluginMistake with the place in the author's file. */
export async function loadPlugin(path: string): Promise<Plugin> {
  const name = shortPath(path);
  const loaded = await importFile(path, name);
  const exported = isRecord(loaded) ? loaded.default : undefined;
  if (isPlugin(exported)) return exported;
  const hint = "Write `export default definePlugin({ ... })`";
  const what = exported === undefined ? "has no default export" : `exports ${show(exported)} by default`;
  throw new PluginMistake(`${name} ${what}`, { hint, place: name });
}

async function importFile(path: string, name: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    throw describeThrown(`loading ${name}`, compileError(error));
  }
}

/** Compilers put the place into the message, on several lines, and their own frames into the stack. */
function compileError(error: unknown): unknown {
  if (!(error instanceof Error) || !/Transform failed|error:/i.test(error.message)) return error;
  const line = error.message.split("\n").find((each) => /:\d+:\d+/.test(each)) ?? error.message;
  const [, place, text] = /^(.*?:\d+:\d+):?\s*(?:ERROR|error)?:?\s*(.*)$/.exec(line.trim()) ?? [];
  return place !== undefined ? new PluginMistake(`it does not compile: ${text}`, { place: shortPath(place) }) : error;
}

function isPlugin(value: unknown): value is Plugin {
  return internalsOf(value) !== undefined;
}
