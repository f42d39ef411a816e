import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { HeaderList } from "@patchbay/model";
import { readResponseHead, readTrailers } from "../../core/http/response-head.ts";
import { type FailureKind, failureOf } from "../../core/routing/retry-rules.ts";
import { connectFailure, connectMessage } from "../upstream/connect-errors.ts";
import type { Attempt, AttemptEvents, Outgoing } from "./exchange-types.ts";
import { sendBody } from "./send-body.ts";

export interface StreamingOptions {
  readonly agent: Agent;
  readonly path: string;
  /** All fields but those that frame the message. */
  readonly fields: HeaderList;
  readonly outgoing: Outgoing;
  readonly events: AttemptEvents;
  readonly maxHeadBytes: number;
  /** The connection is no longer occupied. */
  readonly released: () => void;
}

/**
 * An HTTP/1.1 request whose body streams, or that wants more than a response: 100 (Continue), an upgrade, trailers. undici sends
 * no head before the first byte of such a body and knows no trailers of requests, so these go over node:http.
 */
export function createStreamingAttempt(options: StreamingOptions): Attempt {
  const { events, outgoing } = options;
  let over = false;
  let connected = false;
  let request: ClientRequest | undefined;
  let response: IncomingMessage | undefined;
  const finish = (): boolean => {
    if (over) return false;
    over = true;
    return true;
  };
  const fail = (error: unknown, kind: FailureKind): void => {
    if (finish()) events.onFailure(failureOf(kind, connectMessage(error)));
  };
  return {
    start() {
      const sent = httpRequest({
        agent: options.agent,
        method: outgoing.head.method,
        path: options.path,
        headers: [...options.fields, ...framing(outgoing)],
        setHost: false,
        maxHeaderSize: options.maxHeadBytes,
      });
      request = sent;
      let switched = false;
      request.once("close", () => void (switched || options.released()));
      request.on("error", (error) => fail(error, connected ? "reset" : connectFailure(error)));
      request.once("socket", () => {
        connected = true;
        if (!over && request !== undefined) sendRequest(request, outgoing);
      });
      request.on("information", ({ statusCode, rawHeaders }) => {
        if (!over) events.onInformational(statusCode, readTrailers(rawHeaders));
      });
      request.once("response", (incoming) => {
        response = incoming;
        if (!over) relayResponse(incoming, { request: sent, events, finish, fail });
      });
      request.once("upgrade", (incoming: IncomingMessage, socket: Socket, first: Buffer) => {
        switched = true;
        socket.once("close", options.released);
        if (first.length > 0) socket.unshift(first);
        if (finish()) events.onSwitched(headOf(incoming), socket);
        else socket.destroy();
      });
    },
    cancel() {
      over = true;
      request?.destroy();
    },
    pause: () => void response?.pause(),
    resume: () => void response?.resume(),
  };
}

/** The fields that frame the body, and those that only node:http may send. */
function framing({ head, held }: Outgoing): HeaderList {
  const fields: HeaderList = [];
  if (head.upgrade !== "") fields.push("connection", "upgrade", "upgrade", head.upgrade);
  else if (head.trailers) fields.push("connection", "te", "te", "trailers");
  if (head.expectsContinue) fields.push("expect", "100-continue");
  if (held !== undefined)
    fields.push(...(held.length > 0 || !BODILESS.has(head.method) ? ["content-length", String(held.length)] : []));
  else if (head.length < 0) {
    fields.push("transfer-encoding", "chunked");
    // Of use, and allowed by node:http, only where the body is chunked.
    if (head.announced !== "") fields.push("trailer", head.announced);
  } else fields.push("content-length", String(head.length));
  return fields;
}

/** Methods for which a missing length means that there is no body (RFC 9110 §8.6); for all others node:http would make it chunked. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"]);

/** Runs once the connection stands: until then the body is untouched and the request may go elsewhere. */
function sendRequest(request: ClientRequest, outgoing: Outgoing): void {
  request.flushHeaders();
  if (outgoing.held !== undefined) return void request.end(outgoing.held);
  sendBody(outgoing, request, () => {
    const trailers = outgoing.trailers();
    if (trailers.length > 0 && outgoing.head.length < 0) request.addTrailers(pairs(trailers));
    request.end();
  });
}

function pairs(flat: HeaderList): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] ?? "", flat[i + 1] ?? ""]);
  return result;
}

interface Relay {
  readonly request: ClientRequest;
  readonly events: AttemptEvents;
  readonly finish: () => boolean;
  readonly fail: (error: unknown, kind: FailureKind) => void;
}

function relayResponse(incoming: IncomingMessage, { request, events, finish, fail }: Relay): void {
  incoming.on("data", (chunk: Buffer) => events.onData(chunk));
  incoming.on("error", (error) => fail(error, "reset"));
  incoming.once("end", () => {
    if (!incoming.complete || !finish()) return;
    events.onEnd(readTrailers(incoming.rawTrailers));
    // Neither side wants the rest of the body, and it would keep this connection open without end.
    if (!request.writableEnded) request.destroy();
  });
  incoming.once("close", () => fail(new Error("connection closed in the middle of the response"), "reset"));
  events.onHead(headOf(incoming));
}

function headOf(incoming: IncomingMessage): ReturnType<typeof readResponseHead> {
  const { statusCode = 502, statusMessage = "", rawHeaders } = incoming;
  return readResponseHead({ status: statusCode, message: statusMessage, raw: rawHeaders, last: false });
}
