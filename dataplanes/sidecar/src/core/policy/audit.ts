import type { RequestFacts } from "@patchbay/model";
import { traceIdOf } from "../http/trace-fields.ts";

/** One decision of an audit policy, for people who read logs. */
export interface AuditLine {
  readonly policy: string;
  readonly source: string;
  readonly method: string;
  readonly path: string;
  /** Undefined: it is part of no trace. */
  readonly traceId: string | undefined;
  /** Lines that were left out since the last one. */
  readonly omitted: number;
}

export interface Audit {
  note(policy: string, source: string, facts: RequestFacts | undefined): void;
}

export interface AuditOptions {
  write(line: AuditLine): void;
  /** Milliseconds, monotonic. */
  now(): number;
}

const MAX_LINES = 10;
const PER_MS = 1_000;

/** Ten lines a second, so that an audit of a busy service does not fill the disk; every decision is counted elsewhere. */
export function createAudit({ write, now }: AuditOptions): Audit {
  let second = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let omitted = 0;
  return {
    note(policy, source, facts) {
      const at = now();
      if (at - second >= PER_MS) {
        second = at;
        lines = 0;
      }
      if (lines >= MAX_LINES) {
        omitted += 1;
        return;
      }
      lines += 1;
      const { method = "", path = "", headers = [] } = facts ?? {};
      write({ policy, source, method, path, traceId: traceIdOf(headers), omitted });
      omitted = 0;
    },
  };
}
