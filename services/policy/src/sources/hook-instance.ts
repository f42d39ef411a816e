import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type Breaker, createBreaker } from "@patchbay/model";
import { pluginChannel, pluginReason } from "@patchbay/runtime";

/** One running instance of a plugin and the connection to it. */
export interface HookInstance {
  readonly id: string;
  readonly breaker: Breaker;
  /** Rejects with HookError; never takes longer than the deadline. */
  call(method: string, request: Uint8Array, deadlineMs: number): Promise<Uint8Array>;
  close(): void;
}

/** Why a call came to nothing. */
export class HookError extends Error {
  override readonly name = "HookError";
  /** A grpc-js status code. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface HookInstanceOptions {
  readonly id: string;
  /** "host:port" */
  readonly address: string;
  /** What proves the core to the plugin. */
  readonly hookToken: string;
}

const MAX_MESSAGE_BYTES = 64 * 1024;

const CHANNEL = pluginChannel({ pingMs: 10_000, pingTimeoutMs: 3_000, maxMessageBytes: MAX_MESSAGE_BYTES });

export function createHookInstance({ id, address, hookToken }: HookInstanceOptions): HookInstance {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${hookToken}`);
  const client = new Client(address, credentials.createInsecure(), CHANNEL);
  return {
    id,
    breaker: createBreaker({ threshold: 5, minMs: 250, maxMs: 5_000 }),
    call: (method, request, deadlineMs) =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + deadlineMs;
        const done = (error: ServiceError | null, answer?: Buffer): void => {
          if (error === null && answer !== undefined) resolve(answer);
          else reject(new HookError(error?.code ?? status.UNKNOWN, textOf(error, deadlineMs)));
        };
        client.makeUnaryRequest(method, toBuffer, fromBuffer, request, metadata, { deadline }, done);
      }),
    close: () => client.close(),
  };
}

function textOf(error: ServiceError | null, deadlineMs: number): string {
  if (error === null) return "no answer";
  if (error.code === status.DEADLINE_EXCEEDED) return `no answer within ${deadlineMs} ms`;
  return pluginReason(error.details);
}

function toBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

function fromBuffer(bytes: Buffer): Buffer {
  return bytes;
}
