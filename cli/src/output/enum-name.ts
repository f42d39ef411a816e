import type { DescEnum } from "@bufbuild/protobuf";

/** An enum value's name for scripts: "no-data". */
export function enumToken(schema: DescEnum, value: number): string {
  return enumName(schema, value).replaceAll(" ", "-");
}

/** An enum value's own name in lower case with spaces: OUTCOME_ENDPOINTS is "endpoints", ANSWER_NOT_ASKED "not asked". */
export function enumName(schema: DescEnum, value: number): string {
  const name = schema.value[value]?.localName ?? `unknown ${value}`;
  return name.toLowerCase().replaceAll("_", " ");
}
