import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { AddRequestSchema, AddResponseSchema, GetRequestSchema, GetResponseSchema } from "../gen/demo/v1/cart_pb.ts";

const carts = new Map<string, string[]>();

const server = new Server();
server.addService(
  {
    get: {
      path: "/demo.v1.Cart/Get",
      requestStream: false,
      responseStream: false,
      requestDeserialize: (bytes: Buffer) => fromBinary(GetRequestSchema, bytes),
      requestSerialize: () => Buffer.alloc(0),
      responseSerialize: (products: string[]) =>
        Buffer.from(toBinary(GetResponseSchema, create(GetResponseSchema, { products }))),
      responseDeserialize: () => [],
    },
    add: {
      path: "/demo.v1.Cart/Add",
      requestStream: false,
      responseStream: false,
      requestDeserialize: (bytes: Buffer) => fromBinary(AddRequestSchema, bytes),
      requestSerialize: () => Buffer.alloc(0),
      responseSerialize: (size: number) =>
        Buffer.from(toBinary(AddResponseSchema, create(AddResponseSchema, { size }))),
      responseDeserialize: () => 0,
    },
  },
  {
    get: (call: ServerUnaryCall<{ user: string }, string[]>, done: sendUnaryData<string[]>) => {
      done(null, carts.get(call.request.user) ?? []);
    },
    add: (call: ServerUnaryCall<{ user: string; product: string }, number>, done: sendUnaryData<number>) => {
      const cart = [...(carts.get(call.request.user) ?? []), call.request.product].slice(-10);
      carts.set(call.request.user, cart);
      done(null, cart.length);
    },
  },
);
server.bindAsync(`127.0.0.1:${process.env["PORT"] ?? 0}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.once("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
