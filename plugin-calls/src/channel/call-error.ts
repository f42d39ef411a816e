import { Code, ConnectError } from "@connectrpc/connect";
import { type ServiceError, status } from "@grpc/grpc-js";

/** grpc-js's name resolver has nothing to add about an address, and says so. */
const NO_NOTE = /\.? *Resolution note: *$/;
const MAX_REASON = 512;

/** A failed call as what the core's code throws: gRPC and Connect have the same codes. */
export function callError(error: ServiceError | null, deadlineMs: number): ConnectError {
  if (error === null) return new ConnectError("no answer", Code.Unknown);
  if (error.code === status.DEADLINE_EXCEEDED)
    return new ConnectError(`no answer within ${deadlineMs} ms`, Code.DeadlineExceeded);
  return new ConnectError(pluginReason(error.details), codeOf(error));
}

export function codeOf(error: ServiceError): Code {
  const code: number = error.code;
  return Code[code] === undefined ? Code.Unknown : code;
}

/** "UNAVAILABLE" and the like. */
export function codeName({ code }: ServiceError): string {
  return status[code] ?? "UNKNOWN";
}

/** What a grpc-js error says, for people. Connect servers encode every reserved character, and grpc-js decodes only some of them. */
export function pluginReason(details: string): string {
  return decoded(details).replace(NO_NOTE, "").slice(0, MAX_REASON);
}

function decoded(details: string): string {
  try {
    return decodeURIComponent(details);
  } catch {
    // A percent sign of the message's own.
    return details;
  }
}
