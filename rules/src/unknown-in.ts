import type { DescEnum, DescMessage, Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/**
 * What in a message this program does not know, such as "inbound.authorization[3].action: 7"; undefined: it knows everything.
 * Enforcing a newer program's message in part would be unsafe: refuse it.
 */
export function unknownIn(schema: DescMessage, message: Message): string | undefined {
  return unknownOf(reflect(schema, message), "");
}

function unknownOf(message: ReflectMessage, path: string): string | undefined {
  const [first] = message.getUnknown() ?? [];
  if (first !== undefined) return `${path}: field ${first.no}`.replace(/^: /, "");
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const at = path === "" ? field.name : `${path}.${field.name}`;
    for (const { value, place } of valuesOf(message, field)) {
      const found = unknownValue(field.message ?? field.enum, value, at + place);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function valuesOf(
  message: ReflectMessage,
  field: ReflectMessage["fields"][number],
): readonly { value: unknown; place: string }[] {
  switch (field.fieldKind) {
    case "list":
      return [...message.get(field)].map((value, index) => ({ value, place: `[${index}]` }));
    case "map":
      return [...message.get(field)].map(([key, value]) => ({ value, place: `[${String(key)}]` }));
    default:
      return [{ value: message.get(field), place: "" }];
  }
}

function unknownValue(desc: DescMessage | DescEnum | undefined, value: unknown, at: string): string | undefined {
  if (desc?.kind === "enum") {
    return desc.values.some(({ number }) => number === value) ? undefined : `${at}: ${String(value)}`;
  }
  return desc?.kind === "message" ? unknownOf(value as ReflectMessage, at) : undefined;
}
