import { isRecord } from "@patchbay/model";
import { placeOfCaller } from "../errors/place.ts";
import type { ConfigSchema } from "../public/config.ts";
import type { EventHandler, Hooks, Plugin, PluginDefinition } from "../public/plugin.ts";
import { checkDefinition } from "./definition-check.ts";
import type { EventName, EventOf } from "./events.ts";

// A registered symbol: a plugin is recognised also when another copy of this package made it.
const pluginBrand = Symbol.for("mesh-sdk.plugin");

/** A definition with the type of its configuration erased: it was checked against the schema. */
export interface RunnableDefinition extends Omit<PluginDefinition, "hooks" | "on"> {
  readonly hooks?: Hooks<never>;
  readonly on?: { readonly [Name in EventName]?: EventHandler<EventOf[Name], never> };
}

/** What the SDK keeps with a plugin and its author does not see. */
export interface PluginInternals {
  readonly definition: RunnableDefinition;
  /** Where `definePlugin` was called, such as `"src/plugin.ts:5:16"`, for mistakes without a more exact place. */
  readonly place: string | undefined;
}

/**
 * Checks a plugin's definition and returns it for `serve()`, `startTest()` and the default export.
 * Throws one PluginMistake that names everything that is wrong.
 */
export function definePlugin<const S extends ConfigSchema>(definition: PluginDefinition<S>): Plugin {
  const place = placeOfCaller();
  checkDefinition(definition, place);
  const internals: PluginInternals = { definition, place };
  const { name, version = "0.0.0" } = definition;
  return Object.freeze({ name, version, [pluginBrand]: internals });
}

/** Undefined for values that no copy of this package's `definePlugin` made. */
export function internalsOf(value: unknown): PluginInternals | undefined {
  if (!isRecord(value)) return undefined;
  const internals: unknown = Reflect.get(value, pluginBrand);
  return isInternals(internals) ? internals : undefined;
}

/** Only `definePlugin` sets the brand, after its checks. */
function isInternals(value: unknown): value is PluginInternals {
  return isRecord(value) && isRecord(value.definition);
}
