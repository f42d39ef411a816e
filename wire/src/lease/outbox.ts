import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RegisterRequestSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";

type Request = MessageInitShape<typeof RegisterRequestSchema>;
type Part = "announce" | "heartbeat" | "drain";

/** What is still to be said on one stream: at most one message of each kind, made when it is sent. */
export interface Outbox {
  /** Marks a part as due; marking it twice before it is sent sends it once. */
  put(part: Part): void;
  /** Ends the messages after those that are due. */
  end(): void;
  messages(): AsyncGenerator<Request>;
}

// An announcement comes before all else on a new stream, and nothing comes after Drain but heartbeats.
const ORDER: readonly Part[] = ["announce", "heartbeat", "drain"];

/** Coalesces, so that a registry that reads slowly makes nothing grow. */
export function createOutbox(make: (part: Part) => Request): Outbox {
  const due = new Set<Part>();
  let ended = false;
  let wake: () => void = () => undefined;
  return {
    put(part) {
      due.add(part);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *messages() {
      for (;;) {
        const part = ORDER.find((candidate) => due.delete(candidate));
        if (part !== undefined) yield make(part);
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
