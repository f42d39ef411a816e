import type { Log } from "@patchbay/wire";

export interface LogRecord {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

/** Keeps what is written, for tests that look at it. */
export function createRecordingLog(): Log & { readonly records: LogRecord[] } {
  const records: LogRecord[] = [];
  const at = (level: keyof Log) => (fields: object, message: string) => {
    records.push({ level, fields, message });
  };
  return { records, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
