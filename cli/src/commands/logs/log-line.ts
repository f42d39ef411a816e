import { paint } from "../../output/output.ts";

const HIDDEN: ReadonlySet<string> = new Set(["level", "time", "msg", "component", "name", "pid", "hostname"]);

/** One log line for people: "12:00:01 registry warn plugin lost its lease name=my-resolver". */
export function logLine(component: string, text: string): string {
  const record = parse(text);
  if (!record) return `${paint("dim", component)} ${text}`;
  const field = (name: string, other: string): string => {
    const value = record[name];
    return typeof value === "string" ? value : other;
  };
  const level = field("level", "info");
  const style = level === "error" || level === "fatal" ? "bad" : level === "warn" ? "warn" : "dim";
  const fields = Object.entries(record)
    .filter(([name]) => !HIDDEN.has(name))
    .map(([name, value]) => `${name}=${fieldText(value)}`);
  const head = `${clock(record.time)} ${field("component", component)} ${paint(style, level)}`;
  return [head, field("msg", ""), paint("dim", fields.join(" "))].filter(Boolean).join(" ");
}

/** One log line for scripts: as it was written when that is JSON, else with the text in `msg`. */
export function logJson(component: string, text: string): string {
  return parse(text) ? text : JSON.stringify({ component, msg: text });
}

function parse(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function clock(time: unknown): string {
  const date = new Date(typeof time === "string" || typeof time === "number" ? time : Number.NaN);
  return Number.isNaN(date.getTime()) ? "--:--:--" : date.toTimeString().slice(0, 8);
}

/** An error's stack is for `-o json`; people read its message. */
function fieldText(value: unknown): string {
  if (typeof value === "object" && value !== null && "message" in value) return JSON.stringify(value.message);
  return typeof value === "string" && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
}
