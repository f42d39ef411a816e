import type { HandlerContext } from "@connectrpc/connect";
import type { RegisterRequest, RegisterResponse } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { caller } from "@patchbay/runtime";
import { toConnectError } from "./errors.ts";
import type { Sessions } from "./sessions.ts";

export interface RegisterOptions {
  readonly sessions: Sessions;
  /** Settles when announcements can be judged. */
  readonly started: Promise<void>;
}

/** Holds a caller's lease for as long as its stream lives. */
export function createRegister({ sessions, started }: RegisterOptions) {
  return async function* register(
    requests: AsyncIterable<RegisterRequest>,
    context: HandlerContext,
  ): AsyncGenerator<RegisterResponse> {
    const proven = caller(context);
    await started;
    const session = sessions.open(proven);
    const end = (): void => session.end();
    context.signal.addEventListener("abort", end, { once: true });
    void session.read(requests);
    try {
      yield* session.messages();
    } catch (error) {
      throw toConnectError(error);
    } finally {
      context.signal.removeEventListener("abort", end);
      sessions.close(session);
    }
  };
}
