import { type Client, createClient } from "@connectrpc/connect";
import { pause } from "@patchbay/model";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { transportAs } from "@patchbay/testkit";

export interface TestProxy extends AsyncDisposable {
  send(sequence: number, report: Uint8Array): void;
  /** Reports that are not acknowledged. */
  waiting(): number;
  /** Reasons of refusals by sequence. */
  readonly refused: ReadonlyMap<number, string>;
  /** Errors by which streams ended. */
  readonly errors: readonly string[];
}

/** What a proxy does with its reports: sends them on one stream, and all that were not acknowledged again on the next. */
export function createTestProxy(address: string, name = "web"): TestProxy {
  const transport = transportAs(address, { kind: "proxy", name });
  const client: Client<typeof Telemetry> = createClient(Telemetry, transport);
  const pending = new Map<number, Uint8Array>();
  const refused = new Map<number, string>();
  const errors: string[] = [];
  const stopping = new AbortController();
  let wake: () => void = () => undefined;

  async function* unsent(ended: AbortSignal): AsyncGenerator<{ report: Uint8Array<ArrayBuffer> }> {
    let last = 0;
    while (!ended.aborted) {
      const next = [...pending].find(([sequence]) => sequence > last);
      if (!next) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      last = next[0];
      yield { report: new Uint8Array(next[1]) };
    }
  }
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const stream = new AbortController();
      try {
        const signal = AbortSignal.any([stopping.signal, stream.signal]);
        for await (const answer of client.report(unsent(signal), { signal })) {
          pending.delete(Number(answer.sequence));
          if (answer.rejectionReason !== "") refused.set(Number(answer.sequence), answer.rejectionReason);
        }
      } catch (error) {
        errors.push(String(error));
      }
      stream.abort();
      wake();
      await pause(20, stopping.signal);
    }
  };
  const running = run();
  return {
    send(sequence, report) {
      pending.set(sequence, report);
      wake();
    },
    waiting: () => pending.size,
    refused,
    errors,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      wake();
      await running;
      transport.close();
    },
  };
}
