import { Code, ConnectError } from "@connectrpc/connect";
import { Refusal, type RefusalCode } from "../core/announce/refusal.ts";

const codes: Readonly<Record<RefusalCode, Code>> = {
  invalid: Code.InvalidArgument,
  denied: Code.PermissionDenied,
  precondition: Code.FailedPrecondition,
  exhausted: Code.ResourceExhausted,
  aborted: Code.Aborted,
  late: Code.DeadlineExceeded,
};

/** What a caller sees of an error. */
export function toConnectError(error: unknown): ConnectError {
  return error instanceof Refusal ? new ConnectError(error.message, codes[error.code]) : ConnectError.from(error);
}
