/** Writes one record: named fields first, then the sentence for people. */
type LogWrite = (fields: object, message: string) => void;

/** The part of pino's logger that this code uses, so that any logger of that shape fits. */
export interface Log {
  readonly debug: LogWrite;
  readonly info: LogWrite;
  readonly warn: LogWrite;
  readonly error: LogWrite;
}

const drop: LogWrite = () => undefined;

/** Writes nothing. */
export const noLog: Log = { debug: drop, info: drop, warn: drop, error: drop };
