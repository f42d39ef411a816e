import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type RegisterResponse, RegisterResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";

type Message = NonNullable<MessageInitShape<typeof RegisterResponseSchema>["message"]>;
type Kind = NonNullable<Message["case"]>;

/** What is still to be said on one Register stream: of each kind of message the latest, so it stays small when nobody reads. */
export interface Outbox {
  put(message: Message): void;
  /** Ends the stream after what is due, or at once with an error. The first end counts. */
  end(error?: unknown): void;
  ended(): boolean;
  messages(): AsyncGenerator<RegisterResponse>;
}

/** Accepted comes before all else. */
const order: readonly Kind[] = ["accepted", "nats", "notice", "ack"];

export function createOutbox(): Outbox {
  const due = new Map<Kind, Message>();
  let ended: { readonly error: unknown } | undefined;
  let wake: () => void = () => undefined;
  const next = (): Message | undefined => {
    const kind = order.find((candidate) => due.has(candidate));
    const message = kind && due.get(kind);
    if (kind) due.delete(kind);
    return message;
  };
  return {
    put(message) {
      if (message.case === undefined) return;
      due.set(message.case, message);
      wake();
    },
    end(error) {
      ended ??= { error };
      wake();
    },
    ended: () => ended !== undefined,
    async *messages() {
      for (;;) {
        if (ended?.error !== undefined) throw ended.error;
        const message = next();
        if (message) yield create(RegisterResponseSchema, { message });
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
