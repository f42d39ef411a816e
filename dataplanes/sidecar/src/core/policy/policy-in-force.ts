import type { Outbound, Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileSnapshot, type DefaultAuthorization, type PolicyRules } from "./policy-rules.ts";

/** The rules in force at this moment. */
export interface PolicyInForce {
  rules(): PolicyRules | undefined;
  /** Why a snapshot was refused while none is in force; empty: nothing was refused, or an older one is in force. */
  unenforceable(): string;
  outbound(host: string): Outbound | undefined;
  /** Puts a snapshot into force. Returns why it cannot be, in a sentence for people; empty: it is. */
  put(snapshot: Snapshot): string;
  /** There are rules that cannot be put into force. */
  refuse(reason: string): void;
  /** Calls back with each snapshot that comes into force. */
  onChange(listener: (snapshot: Snapshot) => void): () => void;
}

export function createPolicyInForce(otherwise: DefaultAuthorization): PolicyInForce {
  const listeners = new Set<(snapshot: Snapshot) => void>();
  let hosts = new Map<string, Outbound>();
  let rules: PolicyRules | undefined;
  let unenforceable = "";
  function refuse(reason: string): void {
    if (rules === undefined) unenforceable = reason;
  }

  return {
    refuse,
    rules: () => rules,
    unenforceable: () => unenforceable,
    outbound: (host) => hosts.get(host),
    put(snapshot) {
      try {
        rules = compileSnapshot(snapshot, { otherwise, before: rules });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        refuse(reason);
        return reason;
      }
      unenforceable = "";
      hosts = new Map(snapshot.outbound.map((outbound) => [outbound.target, outbound]));
      for (const listener of listeners) listener(snapshot);
      return "";
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
