import type { Transport } from "@connectrpc/connect";
import { type ClosableTransport, createTransport } from "@patchbay/wire";

/** Connections to proxies, one to each, for as long as a tap needs it. */
export interface Dialler {
  /** Give it back by `leave`, once. */
  dial(address: string): { readonly transport: Transport; leave(): void };
  open(): number;
  close(): void;
}

export function createDialler(token: () => string): Dialler {
  const held = new Map<string, { readonly transport: ClosableTransport; users: number }>();
  return {
    dial(address) {
      const entry = held.get(address) ?? { transport: createTransport({ address, token }), users: 0 };
      held.set(address, entry);
      entry.users += 1;
      return {
        transport: entry.transport,
        leave() {
          entry.users -= 1;
          if (entry.users > 0) return;
          held.delete(address);
          entry.transport.close();
        },
      };
    },
    open: () => held.size,
    close() {
      for (const { transport } of held.values()) transport.close();
    },
  };
}
