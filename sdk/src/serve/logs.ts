import type { Log as WireLog } from "@patchbay/wire";
import type { Log } from "../public/log.ts";

type Fields = Readonly<Record<string, unknown>>;

/** One line of text on standard error for a person, one JSON object for a machine. */
export function createLog(name: string, { pretty = process.stderr.isTTY === true } = {}): Log {
  const write =
    (level: string) =>
    (message: string, fields: Fields = {}) => {
      const line = pretty ? prettyLine(level, message, fields) : jsonLine(name, level, { message, fields });
      process.stderr.write(`${line}\n`);
    };
  const quiet = process.env.MESH_LOG_LEVEL !== "debug";
  return {
    debug: quiet ? () => undefined : write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
}

function prettyLine(level: string, message: string, fields: Fields): string {
  const time = new Date().toTimeString().slice(0, 8);
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`);
  return `${time} ${level === "info" ? "" : `${level}: `}${message}${rest.join("")}`;
}

function jsonLine(name: string, level: string, { message, fields }: { message: string; fields: Fields }): string {
  const line = { level, time: new Date().toISOString(), component: name, msg: message, ...fields };
  return JSON.stringify(line, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : errorText(value)));
}

function plain(value: unknown): string {
  if (typeof value === "string") return value;
  return (
    JSON.stringify(value, (_key, each: unknown) => (typeof each === "bigint" ? String(each) : errorText(each))) ??
    "undefined"
  );
}

function errorText(value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

/** The shape of log that the mesh's own parts use. They say much that an author need not see. */
export function toWireLog(log: Log): WireLog {
  const write = (level: keyof Log) => (fields: object, message: string) => log[level](message, { ...fields });
  return { debug: write("debug"), info: write("debug"), warn: write("warn"), error: write("error") };
}

/** For the lease, whose changes reach the author through the observer. */
export function quietWireLog(log: Log): WireLog {
  const write = (fields: object, message: string) => log.debug(message, { ...fields });
  return { debug: write, info: write, warn: write, error: write };
}
