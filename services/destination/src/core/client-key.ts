import type { Context } from "@patchbay/proto/mesh/destination/v1/destination_pb";

/** Who asks, as far as an answer may depend on it. Equal keys are equal contexts. */
export interface ClientKey {
  readonly key: string;
  readonly context: Context | undefined;
}

/** Whoever it is: for answers that do not depend on it. */
export const anyClient: ClientKey = { key: "", context: undefined };

export function clientKey(context: Context): ClientKey {
  const labels = Object.entries(context.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return { key: JSON.stringify([context.namespace, context.zone, labels]), context };
}
