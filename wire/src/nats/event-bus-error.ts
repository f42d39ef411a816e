export type EventBusErrorCode =
  /** Too much is waiting to be sent: slow down and try again. */
  | "full"
  /** No answer in time: it may have been stored. Publish again with the same id within two minutes. */
  | "timeout"
  /** The credentials do not allow it. */
  | "denied"
  /** The bus was closed. */
  | "closed"
  /** JetStream said no; the message says why. */
  | "stream";

/** What can go wrong on the event bus. */
export class EventBusError extends Error {
  override readonly name = "EventBusError";
  readonly code: EventBusErrorCode;

  constructor(code: EventBusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
