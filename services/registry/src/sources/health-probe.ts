import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from "@patchbay/proto/grpc/health/v1/health_pb";

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

const METHOD = "/grpc.health.v1.Health/Check";

const channelOptions = {
  // Otherwise even a call to this machine goes to http_proxy.
  "grpc.enable_http_proxy": 0,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
};

/** The standard health check of gRPC over a kept connection; a process that is stopped is noticed by the deadline. */
export function createHealthProbe({ address, hookToken, deadlineMs }: HealthProbeOptions): HealthProbe {
  const client = new Client(address, credentials.createInsecure(), channelOptions);
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${hookToken}`);
  const request = create(HealthCheckRequestSchema, {});
  return {
    check: () =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          METHOD,
          (message) => Buffer.from(toBinary(HealthCheckRequestSchema, message)),
          (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
          request,
          metadata,
          { deadline: Date.now() + deadlineMs },
          (error, response) => resolve(error ? explain(error, address, deadlineMs) : servingProblem(response?.status)),
        );
      }),
    close: () => client.close(),
  };
}

function servingProblem(serving: Serving | undefined): string {
  return serving === Serving.SERVING ? "" : "it says itself that it does not serve (NOT_SERVING)";
}

function explain(error: ServiceError, address: string, deadlineMs: number): string {
  if (error.code === status.DEADLINE_EXCEEDED)
    return `no answer from ${address} within ${deadlineMs / 1000} s: stopped or blocked?`;
  if (error.code === status.UNIMPLEMENTED)
    return `${address} does not serve grpc.health.v1.Health, which every plugin with hooks must`;
  if (error.code === status.UNAVAILABLE) return `nobody reachable at ${address}: ${error.details}`;
  return `${address} answered ${error.details}`;
}
