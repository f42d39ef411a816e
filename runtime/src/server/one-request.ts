import type { ServerHttp2Stream } from "node:http2";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { endStream, type RawCall, readEnvelopes } from "./raw-stream.ts";

const MAX_BYTES = 64 * 1024;
const ASK_WITHIN_MS = 10_000;

/** Reads the one request of a call that streams its answer. What `answer` throws or rejects with becomes the call's error. */
export function readOneRequest<T extends DescMessage>(
  { stream, call, schema }: { readonly stream: ServerHttp2Stream; readonly call: RawCall; readonly schema: T },
  answer: (request: MessageShape<T>) => void | Promise<void>,
): void {
  const refuse = (error: unknown): void => endStream(stream, call.protocol, ConnectError.from(error));
  const invalid = (reason: string): void => refuse(new ConnectError(reason, Code.InvalidArgument));
  let asked = false;
  const silent = setTimeout(
    () => refuse(new ConnectError(`no request came within ${ASK_WITHIN_MS / 1_000} s`, Code.DeadlineExceeded)),
    ASK_WITHIN_MS,
  ).unref();
  stream.once("close", () => clearTimeout(silent));
  readEnvelopes(stream, {
    maxBytes: MAX_BYTES,
    onMessage(message) {
      if (asked) return;
      asked = true;
      clearTimeout(silent);
      const request = decode(schema, message);
      if (request === undefined) return invalid(`not a ${schema.typeName}`);
      void (async () => answer(request))().catch(refuse);
    },
    onEnd() {
      clearTimeout(silent);
      if (!asked) invalid("the request is missing");
    },
    onError: invalid,
  });
}

function decode<T extends DescMessage>(schema: T, message: Buffer): MessageShape<T> | undefined {
  try {
    return fromBinary(schema, message);
  } catch {
    return undefined;
  }
}
