import {
  type Coverage,
  type Notice,
  NoticeKind,
  type Request,
  Tap,
  type WatchResponse,
} from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { Command, InvalidArgumentError, Option } from "commander";
import { connectMesh } from "../../connect.ts";
import { lineWidth, outputOption, paint, print, printJsonLine } from "../../output/output.ts";
import { span } from "../../output/units.ts";
import { parseTime } from "../../parse-options.ts";
import { listenForStop } from "../../stop-request.ts";
import { untilAborted } from "../../until-aborted.ts";
import { createTapPrinter, requestJson } from "./tap-line.ts";
import { type TapOptions, tapRequest, VIEWS } from "./tap-request.ts";

const MAX_RPS = 1_000;
const MAX_SECONDS = 3_600;
/** After this long without a request, the possible reasons are printed. */
const SILENT_MS = 5_000;
/** Between two sentences about what is not shown. */
const NOTICE_MS = 10_000;
/** Proxies that answer within this time are counted together. */
const SETTLE_MS = 200;
/** Requests that wait for that. */
const MAX_WAITING = 100;

export function tapCommand(): Command {
  return new Command("tap")
    .description("single requests as they happen, with both ends and the answer")
    .argument("[service]", "that is called, such as users or users.staging; none: every service")
    .option("--method <method>", "such as GET")
    .option("--path <path>", "exact, or with * at its beginning or end: /cart/*")
    .option("--status <list>", "such as 503, 5xx, 500-504 or 4xx,503; 0: no answer")
    .option("--from <service>", "only requests of this caller")
    .option("--to <service>", "the same as <service>")
    .option("--header <name[:value]>", "only requests with this header; can be repeated", collect)
    .option("--where <expression>", "only requests for which this CEL expression is true")
    .option("--show-headers [names]", "show these headers, separated by commas, or all; secrets stay hidden")
    .option("--show-query", "show the query of paths")
    .addOption(
      new Option("--view <end>", "at which end to look (default: each request once)").choices(Object.keys(VIEWS)),
    )
    .option("-n, --limit <count>", "end after so many requests", (text) => parseCount(text, 1_000_000_000))
    .option("--for <time>", "end after this time, at most 1h (default: 10m)", parseDuration)
    .option("--sample <share>", "only this share of the requests, such as 0.1", parseShare)
    .option("--max-rps <count>", `most requests a second (default: 100)`, (text) => parseCount(text, MAX_RPS))
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh tap users                           what is called there, by whom
  mesh tap payments --status 5xx -n 10     the next ten that fail
  mesh tap --from web --to cart --method POST --show-headers
  mesh tap payments --header x-voucher-issuer:initech
  mesh tap users --view both               as the caller's end saw it, too
  mesh tap users --where 'response.code >= 500 && request.path != "/health"'
  mesh tap users -o json | jq 'select(.latencyMs > 100)'
  mesh tap users -n 1 -o json | mesh explain --request -

The sidecars select, so what is not shown costs next to nothing. Shown are no
bodies, headers and queries only when asked for, and never the values of
authorization, cookie, set-cookie, x-api-key and proxy-authorization. A request
without an answer after half a second is shown as open, and again when it ends.
With -o json one object a line.`,
    )
    .action(tap);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function parseCount(text: string, most: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= most) return count;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`);
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() !== "" && share > 0 && share <= 1) return share;
  throw new InvalidArgumentError("Give a share above 0 and up to 1, such as 0.1.");
}

function parseDuration(text: string): number {
  const seconds = parseTime(text);
  if (seconds <= MAX_SECONDS) return seconds;
  throw new InvalidArgumentError("Give a time up to 1h.");
}

async function tap(service: string | undefined, options: TapOptions): Promise<void> {
  const request = tapRequest(service, options);
  const doubt = swallowed(service, options);
  if (doubt !== undefined) say(paint("warn", doubt));
  using mesh = await connectMesh();
  const client = await mesh.service("tap", Tap);
  const { signal } = listenForStop();
  const showing = createShowing(options);
  const startedAt = performance.now();
  try {
    for await (const message of untilAborted(client.watch(request, { signal }), signal)) showing.take(message);
  } finally {
    showing.stop();
  }
  say(paint("dim", showing.summary(performance.now() - startedAt)));
}

/** An option that may have a value takes the word behind it, though it was meant as the service. */
function swallowed(service: string | undefined, { to, showHeaders }: TapOptions): string | undefined {
  if (service !== undefined || to !== undefined || typeof showHeaders !== "string") return undefined;
  return `showing header ${showHeaders} of requests to any service; a service comes first: mesh tap SERVICE --show-headers`;
}

interface Showing {
  take(response: WatchResponse): void;
  summary(ms: number): string;
  stop(): void;
}

/** Requests to standard output, everything about them to standard error. */
function createShowing(options: TapOptions): Showing {
  const printer = createTapPrinter(options.view === "outbound");
  const notices = createNotices();
  let shown = 0;
  const waiting: Request[] = [];
  const show = (request: Request): void => {
    if (options.output === "json") printJsonLine(requestJson(request));
    else print(...printer.lines(request, process.stdout.isTTY ? lineWidth() : undefined));
  };
  const showAll = (): void => {
    for (const request of waiting.splice(0)) show(request);
  };
  const coverage = createCoverage(options.output === "text", showAll);
  const silent = setTimeout(() => say(paint("dim", SILENCE)), SILENT_MS).unref();
  return {
    take({ message }) {
      if (message.case === "request") {
        clearTimeout(silent);
        if (!message.value.open) shown += 1;
        waiting.push(message.value);
        if (!coverage.settling() || waiting.length >= MAX_WAITING) showAll();
      } else if (message.case === "notice") notices.take(message.value);
      else if (message.case === "coverage") coverage.take(message.value);
    },
    summary(ms) {
      const dropped = notices.dropped();
      const rest = dropped === 0n ? "" : `; ${dropped} more were not shown`;
      return `${shown === 1 ? "1 request" : `${shown} requests`} in ${span(ms)}${rest}`;
    },
    stop() {
      clearTimeout(silent);
      coverage.stop();
    },
  };
}

const SILENCE = "nothing has matched so far; `mesh stat` shows who talks to whom";

interface CoverageSaid {
  take(coverage: Coverage): void;
  /** What there is to be said about proxies comes before what they have seen. */
  settling(): boolean;
  stop(): void;
}

/** Says which proxies take part, once they have stopped coming; `then` when that was said for the first time. */
function createCoverage(talks: boolean, then: () => void): CoverageSaid {
  let last: Coverage | undefined;
  let first = talks;
  let said = "";
  let missing = "";
  let settling: NodeJS.Timeout | undefined;
  const tell = (coverage: Coverage): void => {
    const text = `looking at ${proxies(coverage.inbound, "server")}, ${proxies(coverage.outbound, "caller")}`;
    if (talks && text !== said) say(paint("dim", text));
    const problems = coverage.missing.join("\n  ");
    if (problems !== "" && problems !== missing) say(paint("warn", `not looked at:\n  ${problems}`));
    said = text;
    missing = problems;
  };
  const settle = (): void => {
    if (last !== undefined) tell(last);
    last = undefined;
    first = false;
    then();
  };
  return {
    take(coverage) {
      last = coverage;
      clearTimeout(settling);
      settling = setTimeout(settle, SETTLE_MS).unref();
    },
    settling: () => first && last !== undefined,
    stop() {
      clearTimeout(settling);
      if (first) settle();
    },
  };
}

function proxies(count: number, whose: string): string {
  return `${count === 1 ? "1 proxy" : `${count} proxies`} of ${whose}s`;
}

/** Says what was withheld, of each kind at once and then now and again. */
function createNotices(): { take(notice: Notice): void; dropped(): bigint } {
  const said = new Map<NoticeKind, number>();
  let dropped = 0n;
  return {
    take(notice) {
      dropped += notice.dropped;
      const now = performance.now();
      const last = said.get(notice.kind);
      if (last !== undefined && now - last < NOTICE_MS) return;
      said.set(notice.kind, now);
      say(paint(notice.kind === NoticeKind.DURATION ? "dim" : "warn", notice.message));
    },
    dropped: () => dropped,
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
