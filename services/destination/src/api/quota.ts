import { Code, ConnectError } from "@connectrpc/connect";
import type { Claims } from "@patchbay/wire";

/** Limits how many watches each client holds at a time. */
export interface Quota {
  /**
   * Takes one; returns a function that gives it back (idempotent).
   *
   * @throws ConnectError RESOURCE_EXHAUSTED
   */
  take(caller: Claims): () => void;
}

export function createQuota(limit: number): Quota {
  const held = new Map<string, number>();
  return {
    take({ kind, namespace, name, instance }) {
      const client = `${kind}/${namespace}/${name}/${instance}`;
      const count = held.get(client) ?? 0;
      if (count >= limit) {
        throw new ConnectError(
          `${kind} "${name}" watches ${count} names already, the most that one client may; end streams for names that are not used`,
          Code.ResourceExhausted,
        );
      }
      held.set(client, count + 1);
      let given = false;
      return () => {
        if (given) return;
        given = true;
        const left = (held.get(client) ?? 1) - 1;
        if (left > 0) held.set(client, left);
        else held.delete(client);
      };
    },
  };
}
