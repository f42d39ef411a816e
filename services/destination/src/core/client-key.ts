import type { ClientContext } from "@patchbay/proto/mesh/common/v1/client_pb";

/** The client context that an answer may depend on. Equal keys are equal contexts. */
export interface ClientKey {
  readonly key: string;
  readonly context: ClientContext | undefined;
}

/** Any client: for answers that do not depend on the context. */
export const anyClient: ClientKey = { key: "", context: undefined };

export function clientKey(context: ClientContext): ClientKey {
  const labels = Object.entries(context.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return { key: JSON.stringify([context.namespace, context.zone, labels]), context };
}
