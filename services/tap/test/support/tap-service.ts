import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Destination } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import {
  type ObserveRequest,
  ObserveRequestSchema,
  ObserveResponseSchema,
} from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import {
  Kind,
  type Registration,
  RegistrationSchema,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  type Coverage,
  type Notice,
  NoticeSchema,
  type Request,
  RequestSchema,
  Tap,
  type WatchRequestSchema,
} from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { createOutgoing, type Outgoing, readOneRequest, type Settings } from "@patchbay/runtime";
import { appOf, localTransport, type RunningService, serveApp, startService } from "@patchbay/testkit";
import { type CallerKind, type ClosableTransport, type Log, noLog } from "@patchbay/wire";
import { createTapApp } from "../../src/app.ts";

/** A proxy's own API, whose requests the test makes up. */
export interface FakeProxy extends AsyncDisposable {
  readonly registration: Registration;
  /** What it has been asked for, by taps that run. */
  asked(): readonly ObserveRequest[];
  show(request?: MessageInitShape<typeof RequestSchema>): void;
  tell(notice: MessageInitShape<typeof NoticeSchema>): void;
}

export async function startFakeProxy(
  service: string,
  { serves = true, refuse }: { serves?: boolean; refuse?: ConnectError } = {},
) {
  const open = new Map<Outgoing, ObserveRequest>();
  const send = (message: MessageInitShape<typeof ObserveResponseSchema>["message"] & object): void => {
    for (const outgoing of open.keys())
      outgoing.send(toBinary(ObserveResponseSchema, create(ObserveResponseSchema, { message })));
  };
  const server = await serveApp(
    appOf("proxy", {
      streams: new Map([
        [
          "/mesh.proxy.v1.Proxy/Observe",
          (stream, call) =>
            readOneRequest({ stream, call, schema: ObserveRequestSchema }, (request) => {
              if (refuse) throw refuse;
              const limits = { maxMessages: 100_000, maxBytes: 100_000_000 };
              const outgoing = createOutgoing({ stream, protocol: call.protocol, ...limits });
              open.set(outgoing, request);
              outgoing.onClose(() => open.delete(outgoing));
              const begun = create(ObserveResponseSchema, { message: { case: "started", value: {} } });
              outgoing.send(toBinary(ObserveResponseSchema, begun));
            }),
        ],
      ]),
    }),
  );
  const instance = `i${server.port}`;
  const proxy: FakeProxy = {
    registration: create(RegistrationSchema, {
      id: `proxy/default/${service}/${instance}`,
      state: State.READY,
      announce: {
        kind: Kind.PROXY,
        name: service,
        namespace: "default",
        instance,
        address: `127.0.0.1:${server.port}`,
        ...(serves ? { workload: { service } } : {}),
      },
    }),
    asked: () => [...open.values()],
    show: (request = {}) =>
      send({ case: "request", value: create(RequestSchema, { id: "1", status: 200, ...request }) }),
    tell: (notice) => send({ case: "notice", value: create(NoticeSchema, notice) }),
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return proxy;
}

/** One line of the log. */
export interface Line {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface Watched {
  readonly requests: Request[];
  readonly notices: Notice[];
  readonly coverages: Coverage[];
  /** Kinds of messages in their order. */
  readonly order: string[];
  readonly ended: Promise<ConnectError | undefined>;
  stop(): Promise<void>;
}

export interface RunningTap extends RunningService {
  readonly lines: readonly Line[];
  /** What the registry knows, from now on. */
  know(proxies: readonly FakeProxy[]): void;
  watch(request: MessageInitShape<typeof WatchRequestSchema>, kind?: CallerKind): Watched;
}

/** The real service, with a registry's view that the test fills and a destination that knows `known` authorities. */
export async function startTap(
  options: { settings?: Partial<Settings>; known?: readonly string[] } = {},
): Promise<RunningTap> {
  const lines: Line[] = [];
  const log: Log = {
    ...noLog,
    info: (fields: unknown, text?: string) => void lines.push({ fields: fields as Line["fields"], text: text ?? "" }),
  };
  const local = new Map([["destination", destinationOf(options.known ?? [])]]);
  const service = await startService("tap", createTapApp, { ...options, local, log });
  const shared = service.as({ kind: "operator" });
  return {
    ...service,
    lines,
    know: (proxies) =>
      service.registry(
        create(WatchResponseSchema, { reset: true, complete: true, changed: proxies.map((each) => each.registration) }),
      ),
    watch: (request, kind) => watch(kind === undefined ? shared : service.as({ kind }), request),
  };
}

function destinationOf(known: readonly string[]) {
  const app = appOf("destination", {
    routes: (router) =>
      router.service(Destination, {
        explain: ({ authority }) => ({
          resolution: {
            branches: [{ weight: 1, outcome: known.includes(authority) ? Outcome.ENDPOINTS : Outcome.ABSENT }],
          },
        }),
      }),
  });
  return localTransport(app, { kind: "core" });
}

function watch(transport: ClosableTransport, request: MessageInitShape<typeof WatchRequestSchema>): Watched {
  const stopping = new AbortController();
  const watched = {
    requests: [] as Request[],
    notices: [] as Notice[],
    coverages: [] as Coverage[],
    order: [] as string[],
  };
  const read = async (): Promise<ConnectError | undefined> => {
    try {
      for await (const { message } of createClient(Tap, transport).watch(request, { signal: stopping.signal })) {
        watched.order.push(String(message.case));
        if (message.case === "request") watched.requests.push(message.value);
        if (message.case === "notice") watched.notices.push(message.value);
        if (message.case === "coverage") watched.coverages.push(message.value);
      }
      return undefined;
    } catch (error) {
      return stopping.signal.aborted ? undefined : ConnectError.from(error);
    }
  };
  const ended = read();
  return {
    ...watched,
    ended,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
