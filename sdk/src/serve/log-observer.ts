import { describeDecision } from "../hooks/decision-hooks.ts";
import type { Log } from "../public/log.ts";
import type { ServeObserver } from "./observer.ts";

/** Writes changes to the log; answers and events are debug lines, since there are many. */
export function createLogObserver(log: Log): ServeObserver {
  const mistakes = createOncePer(10_000);
  return {
    onWaiting: (why) => log.info(`waiting for the mesh: ${why}`),
    onAccepted: ({ registry, grant }) => log.info("accepted by the registry", { registry, grant }),
    onState: (state, why) => log.info(`the registry holds it to be ${state}`, why === "" ? {} : { why }),
    onRefused: (why) => log.error(`the registry refuses this plugin: ${why}`),
    onLost: (why) => log.warn("lost the registry; what runs goes on, trying again", { why }),
    onProblem: (why) => (why === undefined ? log.info("ready") : log.warn(`not ready: ${why}`)),
    onAnswer: (authority, answer) => log.debug("answered", { authority, kind: answer.kind }),
    onMistake: (_authority, why) => mistakes(why) && log.error(why),
    onDecision: (decided) => log.debug(describeDecision(decided), { hook: decided.hook }),
    onNoDecision: (_hook, why) => mistakes(why) && log.error(why),
    onEvent: (name, outcome, tookMs) => log.debug(`event ${outcome}`, { event: name, tookMs: Math.round(tookMs) }),
  };
}

/** True for a text that was not seen within the last `ms`: the mesh asks again and again, people read once. */
export function createOncePer(ms: number, now: () => number = Date.now): (text: string) => boolean {
  const seen = new Map<string, number>();
  return (text) => {
    const at = now();
    const last = seen.get(text);
    if (last !== undefined && at - last < ms) return false;
    if (seen.size > 1_000) seen.clear();
    seen.set(text, at);
    return true;
  };
}
