import type { DescMethod } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { traceCall, traceStream } from "@patchbay/runtime";
import { callError } from "./call-error.ts";
import { listen, type OpenStream, type StreamListener } from "./listen.ts";

/**
 * The connection to one instance of a plugin, made with the first call. Requests and answers are bytes: their size is limited here,
 * what they mean is read by the caller.
 */
export interface PluginChannel {
  /** Rejects with ConnectError, by the deadline at the latest. */
  unary(method: DescMethod, request: Uint8Array, deadlineMs: number): Promise<Uint8Array>;
  /** Opens a stream of answers. Its last event is `onEnd`; after `cancel` there is none. */
  stream(method: DescMethod, request: Uint8Array, listener: StreamListener): OpenStream;
  /** Ends all calls. A later call connects anew. */
  close(): void;
}

export interface PluginChannelOptions {
  /** "host:port" */
  readonly address: string;
  /** What proves the core to the plugin. */
  readonly hookToken: string;
  /** A silent connection is asked for a sign of life this often, and is dead when none comes for as long again. */
  readonly pingMs: number;
  /** A longer answer counts as a failure, and is not decoded. */
  readonly maxAnswerBytes: number;
}

export function createPluginChannel(options: PluginChannelOptions): PluginChannel {
  let client: Client | undefined;
  const connected = (): Client => {
    client ??= new Client(options.address, credentials.createInsecure(), grpcOptions(options));
    return client;
  };
  const metadata = (): Metadata => {
    const fields = new Metadata();
    fields.set("authorization", `Bearer ${options.hookToken}`);
    return fields;
  };
  return {
    unary(method, request, deadlineMs) {
      const fields = metadata();
      const call = (): Promise<Uint8Array> =>
        new Promise((resolve, reject) => {
          const deadline = Date.now() + deadlineMs;
          const done = (error: ServiceError | null, answer?: Buffer): void => {
            if (error === null && answer !== undefined) resolve(answer);
            else reject(callError(error, deadlineMs));
          };
          connected().makeUnaryRequest(pathOf(method), toBuffer, asItIs, request, fields, { deadline }, done);
        });
      const rpc = { system: "grpc", service: method.parent.typeName, method: method.name } as const;
      return traceCall(rpc, (name, value) => fields.set(name, value), call);
    },
    stream(method, request, listener) {
      const fields = metadata();
      traceStream((name, value) => fields.set(name, value));
      return listen(connected().makeServerStreamRequest(pathOf(method), toBuffer, asItIs, request, fields), listener);
    },
    close() {
      client?.close();
      client = undefined;
    },
  };
}

function grpcOptions({ pingMs, maxAnswerBytes }: PluginChannelOptions) {
  return {
    // Without this even loopback calls would go to the proxy of the environment.
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    // What may be asked again, and of which instance, is decided here and not below.
    "grpc.enable_retries": 0,
    // A stopped process keeps its connection open: only pings notice.
    "grpc.keepalive_time_ms": pingMs,
    "grpc.keepalive_timeout_ms": pingMs,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.max_receive_message_length": maxAnswerBytes,
  };
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

function toBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}
