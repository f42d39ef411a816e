import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type Breaker, createBreaker, errorMessage } from "@patchbay/model";
import { pluginChannel, pluginReason } from "@patchbay/runtime";
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
    client ??= new Client(
      address,
      credentials.createInsecure(),
      pluginChannel({ pingMs, pingTimeoutMs: pingMs, maxMessageBytes: MAX_MESSAGE_BYTES }),
    );
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
  return `${code}: ${pluginReason(error.details) || errorMessage(error)}`.slice(0, 512);
}
