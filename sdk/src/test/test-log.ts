import type { Log } from "../public/log.ts";
import type { TestLogLine } from "../public/test-kit.ts";

/** A log that keeps its lines, for a test to look at. */
export function createTestLog(): Log & { readonly lines: readonly TestLogLine[] } {
  const lines: TestLogLine[] = [];
  const write =
    (level: TestLogLine["level"]) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, fields });
    };
  return { lines, debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
