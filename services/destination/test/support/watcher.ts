import type { Client } from "@connectrpc/connect";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import type { Destination, ResolveResponse } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { eventually } from "@patchbay/testkit";

/** A client that watches an authority and remembers what it got. */
export interface Watcher extends AsyncDisposable {
  readonly messages: readonly ResolveResponse[];
  latest(): ResolveResponse | undefined;
  /** Waits until what it holds says so; see `said`. */
  until(text: string, timeoutMs?: number): Promise<ResolveResponse>;
  leave(): Promise<void>;
}

/** "endpoints 7001,7002 by workloads", "absent by nobody"; branches joined with " | ", "…" in front of an incomplete one. */
export function said(response: ResolveResponse | undefined): string {
  const branches = (response?.branches ?? []).map(({ outcome, endpoints, resolver, stale }) => {
    const ports = endpoints.map(({ port }) => port).join(",");
    return `${names.get(outcome)}${ports && ` ${ports}`}${stale ? " stale" : ""} by ${resolver || "nobody"}`;
  });
  return `${response?.incomplete ? "… " : ""}${branches.join(" | ")}`;
}

const names: ReadonlyMap<Outcome, string> = new Map<Outcome, string>([
  [Outcome.UNSPECIFIED, "pending"],
  [Outcome.ENDPOINTS, "endpoints"],
  [Outcome.EMPTY, "empty"],
  [Outcome.ABSENT, "absent"],
  [Outcome.FAILED, "failed"],
]);

export function watch(client: Client<typeof Destination>, authority: string, context: { zone?: string } = {}): Watcher {
  const messages: ResolveResponse[] = [];
  const controller = new AbortController();
  const reading = (async () => {
    for await (const message of client.resolve({ authority, context }, { signal: controller.signal }))
      messages.push(message);
  })().catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  const leave = async (): Promise<void> => {
    controller.abort();
    await reading;
  };
  return {
    messages,
    latest: () => messages.at(-1),
    async until(text, timeoutMs = 15_000) {
      return await eventually(() => (said(messages.at(-1)) === text ? messages.at(-1) : undefined), timeoutMs).catch(
        () => {
          throw new Error(`wanted "${text}", got: ${messages.map(said).join(" / ") || "nothing"}`);
        },
      );
    },
    leave,
    [Symbol.asyncDispose]: leave,
  };
}
