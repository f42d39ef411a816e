import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { Destination, Outcome } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import {
  type ObserveRequest,
  ObserveRequestSchema,
  ObserveResponseSchema,
} from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import {
  Kind,
  type Registration,
  RegistrationSchema,
  State,
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
import {
  type App,
  createContext,
  createInProcessTransport,
  createOutgoing,
  createTokenCheck,
  createViewTable,
  developmentSettings,
  type Outgoing,
  readOneRequest,
  type Settings,
  serve,
} from "@patchbay/runtime";
import { type CallerKind, type ClosableTransport, createTransport, type Log, mintToken, noLog } from "@patchbay/wire";
import { createTapApp } from "../../src/app.ts";

const key = new Uint8Array(32).fill(7);
const check = createTokenCheck({ key });

function token(kind: CallerKind): string {
  const claims = { kind, namespace: "default", name: "somebody", instance: "one" };
  return mintToken(key, { ...claims, expiresAt: Date.now() + 3_600_000 });
}

function appOf(name: string, more: Partial<App>): App {
  return {
    name,
    routes: () => undefined,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    readiness: () => ({ ready: true, reason: "" }),
    ...more,
  };
}

function serveApp(app: App) {
  return serve({ apps: [app], check, log: noLog, metrics: () => Promise.resolve(""), drainMs: 0 });
}

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
              const begun = create(ObserveResponseSchema, { message: { case: "begun", value: {} } });
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

export interface RunningTap extends AsyncDisposable {
  readonly address: string;
  readonly lines: readonly Line[];
  /** What the registry knows, from now on. */
  know(proxies: readonly FakeProxy[]): void;
  watch(request: MessageInitShape<typeof WatchRequestSchema>, kind?: CallerKind): Watched;
  transport(kind?: CallerKind): ClosableTransport;
  /** The service alone; its server still says what there is to say. */
  stopService(): Promise<void>;
  stop(): Promise<void>;
}

/** The real service, with a registry's view that the test fills and a destination that knows `known` authorities. */
export async function startTap(
  options: { settings?: Partial<Settings>; known?: readonly string[] } = {},
): Promise<RunningTap> {
  const view = createViewTable();
  view.apply(create(WatchResponseSchema, { reset: true, complete: true }));
  const lines: Line[] = [];
  const log: Log = {
    ...noLog,
    info: (fields: unknown, text?: string) => void lines.push({ fields: fields as Line["fields"], text: text ?? "" }),
  };
  const context = createContext({
    name: "tap",
    instance: "one",
    environment: {
      stateDir: "",
      resourcesDir: "",
      registry: undefined,
      host: "127.0.0.1",
      port: 0,
      natsUrl: "",
      natsSeedFile: "",
      operatorToken: undefined,
      logLevel: "error",
      defaultAuthorization: "allow",
      profile: "development",
    },
    key,
    registry: createTransport({ address: "http://127.0.0.1:9", token: () => token("core") }),
    view: { ...view, ready: () => Promise.resolve(), stop: () => undefined },
    local: new Map([["destination", destinationOf(options.known ?? [])]]),
    events: () => Promise.reject(new Error("no events here")),
    settings: { ...developmentSettings, ...options.settings },
    log,
  });
  const app = createTapApp(context);
  const server = await serveApp(app);
  const transports: ClosableTransport[] = [];
  const transport = (kind: CallerKind = "operator"): ClosableTransport => {
    const made = createTransport({ address: server.address, token: () => token(kind) });
    transports.push(made);
    return made;
  };
  const shared = transport();
  const stop = async (): Promise<void> => {
    await app.stop();
    await server.stop();
    context.close();
    for (const each of transports) each.close();
  };
  return {
    address: server.address,
    lines,
    know: (proxies) =>
      view.apply(
        create(WatchResponseSchema, { reset: true, complete: true, changed: proxies.map((each) => each.registration) }),
      ),
    watch: (request, kind) => watch(kind === undefined ? shared : transport(kind), request),
    transport,
    stopService: () => app.stop(),
    stop,
    [Symbol.asyncDispose]: stop,
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
  return createInProcessTransport({ app, check, token: () => token("core") });
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
