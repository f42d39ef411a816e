import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createPluginChannel } from "@patchbay/plugin-calls";
import { Health, HealthCheckResponse_ServingStatus as Serving } from "@patchbay/proto/grpc/health/v1/health_pb";

/** Asks the address where a plugin serves its hooks how it is. */
export interface HealthProbe {
  /** Empty when it serves, else why not. Never rejects; answers within the deadline. */
  check(): Promise<string>;
  close(): void;
}

export interface HealthProbeOptions {
  /** "host:port" */
  readonly address: string;
  /** By which the core proves itself. */
  readonly hookToken: string;
  readonly deadlineMs: number;
}

const { input, output } = Health.method.check;
const REQUEST = toBinary(input, create(input, {}));
/** Rarely: a stopped process is to be noticed by a check that it does not answer, which says more than a dropped connection. */
const PING_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** The standard health check of gRPC over a kept connection; a process that is stopped is noticed by the deadline. */
export function createHealthProbe({ address, hookToken, deadlineMs }: HealthProbeOptions): HealthProbe {
  const channel = createPluginChannel({ address, hookToken, pingMs: PING_MS, maxAnswerBytes: MAX_ANSWER_BYTES });
  return {
    async check() {
      try {
        const { status } = fromBinary(output, await channel.unary(Health.method.check, REQUEST, deadlineMs));
        return status === Serving.SERVING ? "" : "it says itself that it does not serve (NOT_SERVING)";
      } catch (error) {
        return explain(ConnectError.from(error), address, deadlineMs);
      }
    },
    close: () => channel.close(),
  };
}

function explain({ code, rawMessage }: ConnectError, address: string, deadlineMs: number): string {
  switch (code) {
    case Code.DeadlineExceeded:
      return `no answer from ${address} within ${deadlineMs / 1000} s: stopped or blocked?`;
    case Code.Unimplemented:
      return `${address} does not serve grpc.health.v1.Health, which every plugin with hooks must`;
    case Code.Unavailable:
      return `nobody reachable at ${address}: ${rawMessage}`;
    default:
      return `${address} answered ${rawMessage}`;
  }
}
