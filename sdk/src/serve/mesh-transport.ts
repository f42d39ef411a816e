import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { type ClosableTransport, createTransport } from "@patchbay/wire";

/** Where the registry is, and how the caller proves itself. */
export interface MeshTransportOptions {
  /** The registry's current address. Rejects with the reason when there is none. */
  readonly locate: () => Promise<string>;
  readonly token: () => string;
}

/** A transport to the registry, wherever it is at the time of a call: a mesh that is started anew may have another port. */
export function createMeshTransport({ locate, token }: MeshTransportOptions): ClosableTransport {
  let current: { readonly address: string; readonly transport: ClosableTransport } | undefined;
  let closed = false;
  const transportNow = async (): Promise<Transport> => {
    const address = await locate();
    if (closed) throw new ConnectError("the transport was closed", Code.Canceled);
    if (current?.address !== address) {
      current?.transport.close();
      current = { address, transport: createTransport({ address, token }) };
    }
    return current.transport;
  };
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      return (await transportNow()).unary(method, signal, timeoutMs, header, input, contextValues);
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      return (await transportNow()).stream(method, signal, timeoutMs, header, input, contextValues);
    },
    close() {
      closed = true;
      current?.transport.close();
    },
  };
}
