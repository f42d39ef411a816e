/** What the parent asks of a server: change one endpoint; or say how much memory it holds, garbage aside. */
export type ServerTask = { readonly kind: "push"; readonly sequence: number } | { readonly kind: "memory" };

/** What the parent asks of the load generator. Each stream has a connection of its own. */
export type LoadTask =
  | {
      readonly kind: "open";
      readonly port: number;
      readonly streams: number;
      readonly token: string;
      readonly updateBytes: number;
    }
  /** Waits until every stream has this many updates; answers when the last arrived, in nanoseconds of the monotonic clock. */
  | { readonly kind: "await"; readonly updates: number }
  | { readonly kind: "close" };

/** Nanoseconds of a clock that all processes of a machine share; as text, since it travels as JSON. */
export function monotonicNow(): string {
  return process.hrtime.bigint().toString();
}
