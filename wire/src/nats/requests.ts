import { errors, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { errorMessage } from "@patchbay/model";
import type { Log } from "../log.ts";
import { EventBusError } from "./event-bus-error.ts";
import type { CoreMessage } from "./types.ts";

const MAX_IN_FLIGHT = 1000;
const DEADLINE_MS = 5000;

interface AnswerOptions {
  readonly subject: string;
  readonly queue: string | undefined;
  readonly handler: (request: CoreMessage) => Promise<Uint8Array | undefined>;
  readonly log: Log;
}

/** Answers requests outside of JetStream, concurrently, so that a slow one does not block others. */
export function answerRequests(nc: NatsConnection, options: AnswerOptions): { stop(): void } {
  const { subject, queue, handler, log } = options;
  let inFlight = 0;
  const answer = async (message: Msg) => {
    inFlight++;
    try {
      const data = await handler({ subject: message.subject, data: message.data });
      if (data !== undefined) message.respond(data);
    } catch (error) {
      log.error({ subject, reason: errorMessage(error) }, "a request over NATS could not be answered");
    } finally {
      inFlight--;
    }
  };
  const subscription = nc.subscribe(subject, {
    ...(queue === undefined ? {} : { queue }),
    callback(error, message) {
      if (error !== null) log.error({ subject, reason: error.message }, "cannot take requests over NATS");
      else if (inFlight < MAX_IN_FLIGHT) void answer(message);
      else log.warn({ subject, inFlight }, "too many requests over NATS: left one unanswered");
    },
  });
  return { stop: () => subscription.unsubscribe() };
}

/** One request, one answer. */
export async function ask(
  nc: NatsConnection,
  { subject, data, deadlineMs = DEADLINE_MS }: { subject: string; data: Uint8Array; deadlineMs: number | undefined },
): Promise<Uint8Array> {
  try {
    return (await nc.request(subject, data, { timeout: deadlineMs })).data;
  } catch (error) {
    throw new EventBusError(codeOf(error), `no answer on ${subject}: ${errorMessage(error)}`, { cause: error });
  }
}

function codeOf(error: unknown) {
  const cause = error instanceof errors.RequestError ? error.cause : error;
  if (cause instanceof errors.PermissionViolationError) return "denied";
  if (cause instanceof errors.ClosedConnectionError) return "closed";
  return cause instanceof errors.NoRespondersError ? "stream" : "timeout";
}

/**
 * Ends a client's connection at the server. Needs a connection in the system account.
 * A client that may reconnect does so, and is asked for its credentials again.
 */
export async function requestKick(
  bus: { request(subject: string, data: Uint8Array): Promise<Uint8Array> },
  client: { serverId: string; clientId: number },
): Promise<void> {
  const body = Buffer.from(JSON.stringify({ cid: client.clientId }));
  const answer: unknown = JSON.parse(
    Buffer.from(await bus.request(`$SYS.REQ.SERVER.${client.serverId}.KICK`, body)).toString(),
  );
  if (typeof answer === "object" && answer !== null && "error" in answer) {
    throw new EventBusError("denied", `the NATS server did not end the connection: ${JSON.stringify(answer.error)}`);
  }
}
