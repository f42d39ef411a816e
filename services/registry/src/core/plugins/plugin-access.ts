import { DEFAULT_NAMESPACE, type ServiceRef } from "@patchbay/model";
/** Prefix under which plugins see the JetStream API of the core's account. */
export const API_PREFIX = "core.API";

/** What a plugin may do on NATS: allow lists only. */
export interface Access {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Name of a plugin's consumers, and of its subjects. "_" cannot stand in a DNS label, so no two plugins share one. */
export function consumerName(namespace: string, name: string): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}_${name}`;
}

/** The namespace and name again. */
export function pluginOf(consumer: string): ServiceRef {
  const at = consumer.indexOf("_");
  return at < 0
    ? { namespace: DEFAULT_NAMESPACE, name: consumer }
    : { namespace: consumer.slice(0, at), name: consumer.slice(at + 1) };
}

export interface AccessOptions {
  readonly consumer: string;
  /** Streams of the event classes that it is granted. */
  readonly streams: readonly string[];
  readonly inboxPrefix: string;
}

/**
 * Exactly enough to pull from its own consumers, to acknowledge, and to publish below its own name. Acknowledgements have two
 * forms: servers of 2.14 and later can be told to put the domain and account in front.
 */
export function pluginAccess({ consumer, streams, inboxPrefix }: AccessOptions): Access {
  const perStream = (stream: string): readonly string[] => [
    `${API_PREFIX}.CONSUMER.INFO.${stream}.${consumer}`,
    `${API_PREFIX}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    `$JS.ACK.${stream}.${consumer}.>`,
    `$JS.ACK.*.*.${stream}.${consumer}.>`,
  ];
  return { publish: [...streams.flatMap(perStream), `mesh.out.${consumer}.>`], subscribe: [`${inboxPrefix}.>`] };
}
