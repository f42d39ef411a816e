import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { errorMessage } from "@patchbay/wire";
import { type Breaker, createBreaker } from "@patchbay/wire/breaker";
import type { Use } from "./plugin-hook.ts";

/** One running instance of a plugin and the connection to it. */
export interface PluginInstance {
  readonly id: string;
  readonly address: string;
  readonly breaker: Breaker;
  use: Use;
  reason: string;
  /** Opens a Resolve stream. Its last event is `onEnd`; after `cancel` there is none. */
  open(request: Uint8Array, events: StreamEvents): { cancel(): void };
  close(): void;
}

export interface StreamEvents {
  onMessage(message: Buffer): void;
  onEnd(end: StreamEnd): void;
}

export interface StreamEnd {
  readonly reason: string;
  /** Trying again soon is useless. */
  readonly hard: boolean;
}

export interface PluginInstanceOptions {
  readonly id: string;
  /** "host:port" */
  readonly address: string;
  /** What proves the core to the plugin. */
  readonly hookToken: string;
  /** A silent connection is asked for a sign of life this often, and is dead after twice that. */
  readonly pingMs: number;
  /** After a message the stream rests this long, so that a plugin that floods delays itself. */
  readonly restMs: number;
}

const RESOLVE = "/mesh.plugin.v1.Resolver/Resolve";
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Codes by which a plugin says that it will not answer this, whenever it is asked. */
const hardCodes: ReadonlySet<number> = new Set([
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
]);

export function createPluginInstance(options: PluginInstanceOptions): PluginInstance {
  const { id, address, hookToken, pingMs, restMs } = options;
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${hookToken}`);
  let client: Client | undefined;
  const open: PluginInstance["open"] = (request, events) => {
    client ??= new Client(address, credentials.createInsecure(), channelOptions(pingMs));
    const call = client.makeServerStreamRequest(RESOLVE, toBuffer, fromBuffer, request, metadata);
    return listen(call, events, restMs);
  };
  return {
    id,
    address,
    breaker: createBreaker({ threshold: 5, minMs: 250, maxMs: 5_000 }),
    use: "starting",
    reason: "",
    open,
    close: () => client?.close(),
  };
}

function channelOptions(pingMs: number) {
  return {
    // Without this even loopback calls would go to the proxy of the environment.
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    // A stopped process keeps its connection open: only pings notice.
    "grpc.keepalive_time_ms": pingMs,
    "grpc.keepalive_timeout_ms": pingMs,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  };
}

function toBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

function fromBuffer(bytes: Buffer): Buffer {
  return bytes;
}

function listen(call: ClientReadableStream<Buffer>, events: StreamEvents, restMs: number): { cancel(): void } {
  let over = false;
  let rest: NodeJS.Timeout | undefined;
  const end = (what: StreamEnd): void => {
    if (over) return;
    over = true;
    clearTimeout(rest);
    events.onEnd(what);
  };
  call.on("data", (message: Buffer) => {
    if (over) return;
    events.onMessage(message);
    call.pause();
    rest = setTimeout(() => call.resume(), restMs);
  });
  call.on("error", (error: ServiceError) => end({ reason: streamError(error), hard: hardCodes.has(error.code) }));
  call.on("end", () => end({ reason: "it ended the stream", hard: false }));
  return {
    cancel() {
      over = true;
      clearTimeout(rest);
      call.cancel();
    },
  };
}

function streamError(error: ServiceError): string {
  const code = Object.entries(status).find(([, value]) => value === error.code)?.[0] ?? "UNKNOWN";
  return `${code}: ${decodeDetails(error.details).replace(NO_NOTE, "") || errorMessage(error)}`.slice(0, 512);
}

/** Its name resolver has nothing to add about an address, and says so. */
const NO_NOTE = /\.? *Resolution note: *$/;

/** Connect servers encode every reserved character of a message, and grpc-js decodes only some of them. */
function decodeDetails(details: string): string {
  try {
    return decodeURIComponent(details);
  } catch {
    // A percent sign of the message's own.
    return details;
  }
}
