import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { Destination, type ResolveResponseSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import type { RunningServer } from "@patchbay/runtime";
import { serveCore } from "./core-server.ts";

type Answer = MessageInitShape<typeof ResolveResponseSchema>;

/** A destination service that says what a test tells it to say, and can die and come back on its port. */
export interface FakeDestination {
  readonly address: string;
  /** Open Resolve streams by authority. */
  readonly streams: Map<string, number>;
  /** Says it to all streams of the authority, now and when they open. */
  say(authority: string, answer: Answer | ConnectError): void;
  die(): Promise<void>;
  comeBack(): Promise<void>;
}

export function endpointsAnswer(authority: string, addresses: readonly string[], incomplete = false): Answer {
  const endpoints = addresses.map((address) => ({ address, port: 80 }));
  const outcome = endpoints.length > 0 ? Outcome.ENDPOINTS : Outcome.EMPTY;
  return { authority, incomplete, branches: [{ weight: 1, authority, outcome, endpoints, resolver: "workloads" }] };
}

export function absentAnswer(authority: string): Answer {
  return { authority, branches: [{ weight: 1, authority, outcome: Outcome.ABSENT }] };
}

export async function startDestination(): Promise<FakeDestination> {
  const said = new Map<string, Answer | ConnectError>();
  const streams = new Map<string, number>();
  const listeners = new Set<() => void>();
  const count = (authority: string, change: number) => streams.set(authority, (streams.get(authority) ?? 0) + change);
  const routes = (router: ConnectRouter): void => {
    router.service(Destination, {
      async *resolve({ authority }, { signal }) {
        if (signal.aborted) throw new ConnectError("gone already", Code.Canceled);
        count(authority, 1);
        // A generator that waits at its yield when the stream breaks is never resumed: only the signal tells.
        signal.addEventListener("abort", () => count(authority, -1), { once: true });
        let last: Answer | undefined;
        while (!signal.aborted) {
          const answer = said.get(authority);
          if (answer instanceof ConnectError) throw answer;
          if (answer === undefined || answer === last) {
            await change(listeners, signal);
            continue;
          }
          last = answer;
          yield answer;
        }
        throw new ConnectError("going away", Code.Unavailable);
      },
    });
  };
  let server: RunningServer = await serveCore(routes);
  const { address, port } = server;
  return {
    address,
    streams,
    say(authority, answer) {
      said.set(authority, answer);
      for (const listener of listeners) listener();
    },
    die: () => server.stop(),
    async comeBack() {
      server = await serveCore(routes, port);
    },
  };
}

function change(listeners: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      listeners.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    listeners.add(done);
    signal.addEventListener("abort", done);
  });
}
