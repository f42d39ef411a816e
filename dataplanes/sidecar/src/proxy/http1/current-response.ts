import { ServerResponse } from "node:http";

/**
 * The response that a server's connection is occupied with. node:http keeps it in a private field of the socket and has no public way to
 * ask for it when parsing fails ("clientError"), though its own answer to that depends on it. This is the only place that reads it.
 */
export function currentResponse(socket: object): ServerResponse | undefined {
  const response = "_httpMessage" in socket ? socket._httpMessage : undefined;
  return response instanceof ServerResponse ? response : undefined;
}
