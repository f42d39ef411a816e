import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { AddRequestSchema, AddResponseSchema } from "../gen/demo/v1/cart_pb.ts";
import { traceFields } from "./trace-context.ts";

// grpc-js finds the sidecar in grpc_proxy and asks it for "cart" by CONNECT, so the name needs no DNS.
const client = new Client("cart:80", credentials.createInsecure());

/** Puts a product into a user's cart; gives the cart's size. */
export function addToCart(user: string, product: string): Promise<number> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      "/demo.v1.Cart/Add",
      (request: { user: string; product: string }) =>
        Buffer.from(toBinary(AddRequestSchema, create(AddRequestSchema, request))),
      (bytes: Buffer) => fromBinary(AddResponseSchema, bytes).size,
      { user, product },
      Metadata.fromHttp2Headers(traceFields()),
      { deadline: Date.now() + 2_000 },
      (error, size) => (error ? reject(error) : resolve(size ?? 0)),
    );
  });
}
