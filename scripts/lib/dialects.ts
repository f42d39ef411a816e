import type { DescMessage, Registry } from "@bufbuild/protobuf";
import type { Source } from "./sources.ts";

/** Rows of a table whose second column names native messages: "| need | native message | state |". */
interface Row {
  readonly line: number;
  readonly messages: readonly string[];
  readonly planned: boolean;
}

/**
 * Where the table of dialects and the protos disagree, one sentence each: a message, field, enum value or method that does not exist,
 * and a need that is called planned although its message is there.
 */
export function dialectBreaks({ path, text }: Source, registry: Registry): readonly string[] {
  const names = knownNames(registry);
  return rowsOf(text).flatMap(({ line, messages, planned }) => {
    const unknown = messages.filter((name) => !names.has(name));
    const there = messages.filter((name) => names.has(name));
    return [
      ...(planned ? [] : unknown.map((name) => `${path}:${line} names ${name}, which no proto has`)),
      ...(planned ? there.map((name) => `${path}:${line} calls ${name} planned, but it is there`) : []),
      ...(!planned && messages.length === 0 && /\bthere\b/.test(text.split("\n")[line - 1] ?? "")
        ? [`${path}:${line} says "there" and names no message`]
        : []),
    ];
  });
}

function rowsOf(text: string): readonly Row[] {
  return text.split("\n").flatMap((line, at) => {
    const cells = line.split("|").map((cell) => cell.trim());
    if (cells.length !== 5 || /^(-+|need)$/.test(cells[1] ?? "")) return [];
    const [, , native = "", state = ""] = cells;
    const planned = /\bplanned\b/.test(state);
    const named = planned ? `${native} ${state}` : native;
    return [{ line: at + 1, messages: [...named.matchAll(/`([\w.]+)`/g)].map(([, name = ""]) => name), planned }];
  });
}

/** Every name that the table may use: "mesh.x.v1.Message", "Message", "Message.field", "Service.Method", "ENUM_VALUE". */
function knownNames(registry: Registry): ReadonlySet<string> {
  const names = new Set<string>();
  for (const type of registry) {
    if (!type.typeName.startsWith("mesh.")) continue;
    for (const base of [type.typeName, type.name]) {
      names.add(base);
      for (const member of membersOf(type)) names.add(`${base}.${member}`);
    }
    if (type.kind === "enum") for (const { name } of type.values) names.add(name);
  }
  return names;
}

function membersOf(type: DescMessage | { readonly kind: string }): readonly string[] {
  if ("fields" in type) return [...type.fields.map(({ name }) => name), ...type.oneofs.map(({ name }) => name)];
  if ("methods" in type && Array.isArray(type.methods)) return type.methods.map(({ name }: { name: string }) => name);
  return [];
}
