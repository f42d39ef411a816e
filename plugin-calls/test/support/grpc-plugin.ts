import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { HOOK_KINDS } from "@patchbay/model";
import type { AuthorizeRequest } from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";

const { input, output } = HOOK_KINDS.authorize.method;

export type Answer = MessageInitShape<typeof output>;
export const ALLOW: Answer = { decision: { case: "allow", value: {} } };

/** An authorizer as any author could write it with grpc-js alone. Bytes are sent as they are; what it throws is UNAVAILABLE. */
export async function startAuthorizer(answer: (question: AuthorizeRequest) => Answer | Uint8Array | Promise<Answer>) {
  const asked: AuthorizeRequest[] = [];
  const fields: Metadata[] = [];
  const server = new Server();
  const respond = async (call: ServerUnaryCall<Buffer, Uint8Array>, done: sendUnaryData<Uint8Array>): Promise<void> => {
    const question = fromBinary(input, call.request);
    asked.push(question);
    fields.push(call.metadata);
    try {
      const given = await answer(question);
      done(null, given instanceof Uint8Array ? given : toBinary(output, create(output, given)));
    } catch (error) {
      done({ code: status.UNAVAILABLE, details: String(error) });
    }
  };
  const bytes = (value: Uint8Array): Buffer => Buffer.from(value);
  const definition = {
    path: "/mesh.plugin.v1.Authorizer/Authorize",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  server.addService(
    { authorize: definition },
    {
      authorize(call: ServerUnaryCall<Buffer, Uint8Array>, done: sendUnaryData<Uint8Array>) {
        void respond(call, done);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    address: `127.0.0.1:${port}`,
    asked,
    fields,
    kill: () => server.forceShutdown(),
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}
