import type { HostAnswer } from "../model/answer-message.ts";
import type { EventName } from "../model/events.ts";
import type { Log } from "../public/log.ts";
import { createOncePer } from "../serve/log-observer.ts";
import type { ServeObserver } from "../serve/observer.ts";
import { createDecisionLines, type DecisionLines } from "./decision-lines.ts";

/** What `mesh-sdk dev` tells its author: a line per change and decision, events and a rush of decisions summed up by the second. */
export interface Printer {
  readonly observer: ServeObserver;
  readonly log: Log;
  line(text: string): void;
  close(): void;
}

interface Tally {
  handled: number;
  failed: number;
  dead: number;
  tookMs: number;
}

const TALLY_MS = 1_000;
const STARTING_MS = 2_000;

/** `write` gets whole lines. */
export function createPrinter(write: (text: string) => void = (text) => process.stdout.write(text)): Printer {
  const once = createOncePer(10_000);
  const line = (text: string) => write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
  const tallies = new Map<EventName, Tally>();
  const decisions = createDecisionLines(line);
  const timer = setInterval(() => {
    printTallies(tallies, line);
    decisions.flush();
  }, TALLY_MS);
  timer.unref();
  return {
    line,
    log: createPrinterLog(line, once),
    observer: createObserver({ line, once, tallies, decisions }),
    close: () => clearInterval(timer),
  };
}

function createPrinterLog(line: (text: string) => void, once: (text: string) => boolean): Log {
  const say = (message: string) => once(message) && line(message);
  const debug = process.env.MESH_LOG_LEVEL === "debug";
  return {
    debug: (message, fields) => debug && line(`${message} ${JSON.stringify(fields ?? {})}`),
    info: say,
    warn: say,
    error: say,
  };
}

interface Parts {
  readonly line: (text: string) => void;
  readonly once: (text: string) => boolean;
  readonly tallies: Map<EventName, Tally>;
  readonly decisions: DecisionLines;
}

function createObserver({ line, once, tallies, decisions }: Parts): ServeObserver {
  const states = createStateLine(line);
  let registry = "";
  return {
    onWaiting: (why) => line(`Waiting: ${why}`),
    onAccepted: (info) => {
      registry = info.registry;
    },
    onState: (state, why) =>
      states(state, state === "ready" ? `Ready in the mesh at ${registry}` : describeState(state, why)),
    onRefused: (why) => once(why) && line(`Refused by the registry: ${why}`),
    onLost: (why) => line(`Lost the mesh (${why}); looking for it again`),
    onProblem: (why) => why !== undefined && line(`Not ready: ${why}`),
    onAnswer: (authority, answer) => line(`resolve ${authority} -> ${describeAnswer(answer)}`),
    onMistake: (_authority, why) => once(why) && line(why),
    onDecision: (decided) => decisions.add(decided),
    onNoDecision: (_hook, why) => once(why) && line(why),
    onEvent: (name, outcome, tookMs) => count(tallies, name, { outcome, tookMs }),
  };
}

/** Starting is over in a moment as a rule, and only news when it lasts. */
function createStateLine(line: (text: string) => void): (state: string, text: string) => void {
  let later: NodeJS.Timeout | undefined;
  return (state, text) => {
    clearTimeout(later);
    if (state === "starting") later = setTimeout(() => line(text), STARTING_MS).unref();
    else line(text);
  };
}

function describeState(state: string, why: string): string {
  return `${state[0]?.toUpperCase()}${state.slice(1)}${why === "" ? "" : `: ${why}`}`;
}

function describeAnswer(answer: HostAnswer): string {
  switch (answer.kind) {
    case "endpoints":
      return `${answer.endpoints.length} endpoint${answer.endpoints.length === 1 ? "" : "s"}`;
    case "rewrite":
      return `rewrite to ${answer.authority}`;
    case "split":
      return `split over ${answer.targets.map(({ authority, weight }) => `${authority} (${weight})`).join(", ")}`;
    case "failed":
      return `failed: ${answer.message}`;
    case "absent":
    case "empty":
      return answer.kind;
  }
}

function count(
  tallies: Map<EventName, Tally>,
  name: EventName,
  event: { outcome: "handled" | "failed" | "dead"; tookMs: number },
): void {
  const tally = tallies.get(name) ?? { handled: 0, failed: 0, dead: 0, tookMs: 0 };
  tally[event.outcome] += 1;
  tally.tookMs += event.tookMs;
  tallies.set(name, tally);
}

function printTallies(tallies: Map<EventName, Tally>, line: (text: string) => void): void {
  for (const [name, { handled, failed, dead, tookMs }] of tallies) {
    const each = tookMs / (handled + failed + dead);
    const parts = [
      `${handled} handled`,
      ...(failed > 0 ? [`${failed} failed`] : []),
      ...(dead > 0 ? [`${dead} dead`] : []),
    ];
    line(`${name} events: ${parts.join(", ")} (${each < 10 ? each.toFixed(1) : Math.round(each)} ms each)`);
  }
  tallies.clear();
}
