import type { Readable } from "node:stream";
import type { ProgramReadiness } from "../sidecar.ts";

/** What a supervisor tells its sidecar, one JSON object a line on the sidecar's standard input. */
export type Command =
  | ({ readonly type: "readiness" } & ProgramReadiness)
  /** Take the program out of use; answered by `drained`. */
  | { readonly type: "drain" }
  /** Make the last report and end. */
  | { readonly type: "stop" };

/** What a sidecar tells its supervisor, one JSON object a line on its standard output. */
export type Event =
  | {
      readonly type: "listening";
      readonly outboundPort: number;
      readonly inboundPort: number;
      readonly listenPorts: readonly number[];
    }
  | { readonly type: "drained"; readonly cut: number }
  /** It could not start; the sentence is for people. */
  | { readonly type: "failed"; readonly message: string };

export function encodeLine(message: Command | Event): string {
  return `${JSON.stringify(message)}\n`;
}

const COMMANDS = new Set(["readiness", "drain", "stop"]);
const EVENTS = new Set(["listening", "drained", "failed"]);
const MAX_LINE = 65_536;

export function readCommands(stream: Readable, onCommand: (command: Command) => void): void {
  readLines(stream, (message) => {
    if (isMessage<Command>(message, COMMANDS)) onCommand(message);
  });
}

export function readEvents(stream: Readable, onEvent: (event: Event) => void): void {
  readLines(stream, (message) => {
    if (isMessage<Event>(message, EVENTS)) onEvent(message);
  });
}

/** Both ends are of one version and start each other, so the type decides the shape. */
function isMessage<Message>(value: unknown, types: ReadonlySet<string>): value is Message {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  return typeof value.type === "string" && types.has(value.type);
}

function readLines(stream: Readable, onMessage: (message: unknown) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("error", () => undefined);
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) rest = "";
    for (const line of lines) {
      const message = parse(line);
      if (message !== undefined) onMessage(message);
    }
  });
}

/** A line that is not JSON is stray output of another module. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
