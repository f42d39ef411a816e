/** A JSON Schema as a plain object, or any schema that offers `~standard.jsonSchema` (such as zod 4.6). */
export type ConfigSchema = JsonSchema | StandardJsonSchema;

/** The part of JSON Schema (2020-12) that becomes types; every other keyword is checked when the plugin starts. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema | boolean>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema | boolean;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly [keyword: string]: unknown;
}

/** The shape that Standard Schema and Standard JSON Schema libraries share, see https://standardschema.dev. */
export interface StandardJsonSchema {
  readonly "~standard": {
    readonly version: number;
    readonly vendor: string;
    readonly jsonSchema: { input(options: { readonly target: string }): Record<string, unknown> };
    readonly validate?: (value: unknown) => StandardResult | Promise<StandardResult>;
    readonly types?: { readonly input: unknown; readonly output: unknown } | undefined;
  };
}

/** What a schema library's validation gives: the value, maybe changed, or what is wrong with it. */
export type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong, and where in the value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What handlers get as `config`: the type that the schema describes, defaults filled in. */
export type ConfigOf<S> = S extends { readonly "~standard": { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer Output }
    ? Output
    : unknown
  : S extends JsonSchema
    ? FromJsonSchema<S>
    : Readonly<Record<string, never>>;

/** The type that a literal JSON Schema describes; `unknown` where it uses what this does not follow (`$ref`, `anyOf`). */
export type FromJsonSchema<S> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly type: infer Type }
      ? Type extends readonly (infer Each)[]
        ? FromType<Each, S>
        : FromType<Type, S>
      : unknown;

type FromType<Type, S> = Type extends "string"
  ? string
  : Type extends "number" | "integer"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "null"
        ? null
        : Type extends "array"
          ? readonly (S extends { readonly items: infer Items } ? FromJsonSchema<Items> : unknown)[]
          : Type extends "object"
            ? FromObject<S>
            : unknown;

type FromObject<S> = S extends { readonly properties: infer Properties }
  ? Flat<
      { readonly [K in keyof Properties as K extends Filled<S> ? K : never]: FromJsonSchema<Properties[K]> } & {
        readonly [K in keyof Properties as K extends Filled<S> ? never : K]?: FromJsonSchema<Properties[K]>;
      }
    >
  : S extends { readonly additionalProperties: infer Values }
    ? Readonly<Record<string, Values extends boolean ? unknown : FromJsonSchema<Values>>>
    : Readonly<Record<string, unknown>>;

/** Names of properties that are always there: required, or with a default. */
type Filled<S> = (S extends { readonly required: readonly (infer Name)[] } ? Name : never) | WithDefault<S>;

type WithDefault<S> = S extends { readonly properties: infer Properties }
  ? { [K in keyof Properties]: Properties[K] extends { readonly default: unknown } ? K : never }[keyof Properties]
  : never;

type Flat<T> = { [K in keyof T]: T[K] };
