import { DNS_LABEL_PATTERN } from "@patchbay/model";

/** JSON Schema of an object without further fields. */
export function object(properties: Record<string, object>, required: readonly string[] = []): object {
  return { type: "object", properties, required: [...required], additionalProperties: false };
}

/** JSON Schema of a list. Empty ones are refused where a list that is left out means "all". */
export function list(items: object, maxItems: number, minItems = 1): object {
  return { type: "array", items, minItems, maxItems };
}

/** JSON Schema of a DNS label. */
export const label = { type: "string", pattern: DNS_LABEL_PATTERN };

export const port = { type: "integer", minimum: 1, maximum: 65_535 };

/** JSON Schema of a text that is not empty. */
export function text(maxLength: number): object {
  return { type: "string", minLength: 1, maxLength };
}

/** Fields that Gateway API has and this mesh refuses by a check with a hint, instead of as unknown. */
export const anything = {};
