import { createWakeup } from "./wakeup.ts";

/** Messages for one reader: of each kind only the latest, so that a reader that stalls makes nothing grow. */
export interface Mailbox<Message> extends AsyncIterable<Message> {
  /** Replaces a message of the same kind that has not been read. */
  put(message: Message): void;
  /** Puts back what was read in vain, unless a newer message of its kind has come. */
  putBack(message: Message): void;
  /** Ends the reading after what is held, with a throw when there is an error. The first end counts. */
  end(error?: unknown): void;
  ended(): boolean;
}

export interface MailboxOptions<Message> {
  /** Default: all messages are of one kind. */
  kindOf?(message: Message): string;
  /** Kinds that go before all others, the first one first. Others go in the order in which they came. */
  readonly first?: readonly string[];
}

export function createMailbox<Message>({
  kindOf = () => "",
  first = [],
}: MailboxOptions<Message> = {}): Mailbox<Message> {
  const held = new Map<string, { readonly message: Message }>();
  const wakeup = createWakeup();
  let end: { readonly error: unknown } | undefined;

  function next(): { readonly message: Message } | undefined {
    const kind = first.find((one) => held.has(one)) ?? held.keys().next().value;
    if (kind === undefined) return undefined;
    const message = held.get(kind);
    held.delete(kind);
    return message;
  }

  function put(message: Message): void {
    held.set(kindOf(message), { message });
    wakeup.wake();
  }

  return {
    put,
    putBack(message) {
      if (!held.has(kindOf(message))) put(message);
    },
    end(error) {
      end ??= { error };
      wakeup.wake();
    },
    ended: () => end !== undefined,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const due = next();
        if (due !== undefined) yield due.message;
        else if (end === undefined) await wakeup.wait();
        else if (end.error === undefined) return;
        else throw end.error;
      }
    },
  };
}
