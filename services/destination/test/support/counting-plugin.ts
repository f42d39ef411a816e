import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerWritableStream, type ServiceDefinition, status } from "@grpc/grpc-js";
import {
  type ResolveRequest,
  ResolveRequestSchema,
  type ResolveResponse,
  ResolveResponseSchema,
} from "@patchbay/proto/mesh/plugin/v1/resolver_pb";

export type AnswerInit = NonNullable<MessageInitShape<typeof ResolveResponseSchema>["answer"]>;

export const endpointsOf = (...ports: number[]): AnswerInit => ({
  case: "endpoints",
  value: { endpoints: ports.map((port) => ({ address: "127.0.0.1", port })) },
});
export const absent: AnswerInit = { case: "absent", value: {} };

type Call = ServerWritableStream<ResolveRequest, ResolveResponse>;

/** A plugin as any author could write it with grpc-js alone, that counts what it is asked. */
export interface CountingPlugin extends AsyncDisposable {
  readonly address: string;
  /** Requests of all streams so far. */
  readonly asked: ResolveRequest[];
  readonly tokens: string[];
  /** Streams that are open. */
  readonly open: ReadonlySet<Call>;
  /** Answers for streams to come, and for those that are open. `undefined`: says nothing. */
  answer(next: ((request: ResolveRequest) => AnswerInit | undefined) | AnswerInit): void;
  /** Breaks all open streams with UNAVAILABLE. */
  breakStreams(): void;
  /** Ends connections and the port, as a crash does. */
  kill(): void;
}

export async function startCountingPlugin(port = 0): Promise<CountingPlugin> {
  const asked: ResolveRequest[] = [];
  const tokens: string[] = [];
  const open = new Set<Call>();
  let answerOf: (request: ResolveRequest) => AnswerInit | undefined = () => absent;
  const say = (call: Call): void => {
    const answer = answerOf(call.request);
    if (answer) call.write(create(ResolveResponseSchema, { answer }));
  };
  const server = new Server();
  server.addService(definition, {
    resolve(call: Call) {
      asked.push(call.request);
      tokens.push(String(call.metadata.get("authorization")[0]));
      open.add(call);
      call.on("cancelled", () => open.delete(call));
      call.on("error", () => open.delete(call));
      say(call);
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    );
  });
  return {
    address: `127.0.0.1:${bound}`,
    asked,
    tokens,
    open,
    answer(next) {
      answerOf = typeof next === "function" ? next : () => next;
      for (const call of open) say(call);
    },
    breakStreams() {
      for (const call of open) call.emit("error", { code: status.UNAVAILABLE, details: "told to break" });
      open.clear();
    },
    kill: () => server.forceShutdown(),
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

const definition: ServiceDefinition = {
  resolve: {
    path: "/mesh.plugin.v1.Resolver/Resolve",
    requestStream: false,
    responseStream: true,
    requestSerialize: (value: ResolveRequest) => Buffer.from(toBinary(ResolveRequestSchema, value)),
    requestDeserialize: (bytes: Buffer) => fromBinary(ResolveRequestSchema, bytes),
    responseSerialize: (value: ResolveResponse) => Buffer.from(toBinary(ResolveResponseSchema, value)),
    responseDeserialize: (bytes: Buffer) => fromBinary(ResolveResponseSchema, bytes),
  },
};
