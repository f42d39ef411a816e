import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";

const INTERVAL_US = 200;

/** Measures which share of the time that this process works is spent in some of its files and what they call. */
interface ShareProbe {
  start(): Promise<void>;
  /** 0 to 1, since `start`. */
  stop(): Promise<number>;
}

/** `files` matches URLs of sources. By sampling: what else runs on the machine slows all parts alike. */
export function createShareProbe(files: RegExp): ShareProbe {
  const session = new Session();
  session.connect();
  return {
    async start() {
      await session.post("Profiler.enable");
      await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
      await session.post("Profiler.start");
    },
    async stop() {
      const { profile } = await session.post("Profiler.stop");
      await session.post("Profiler.disable");
      return shareOf(profile, files);
    },
  };
}

function shareOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, files: RegExp): number {
  const inside = new Set<number>();
  const idle = new Set<number>();
  // A node comes before its children.
  for (const { id, callFrame, children = [] } of nodes) {
    if (files.test(callFrame.url)) inside.add(id);
    if (callFrame.functionName === "(idle)") idle.add(id);
    if (inside.has(id)) for (const child of children) inside.add(child);
  }
  let all = 0;
  let part = 0;
  for (const [index, id] of samples.entries()) {
    if (idle.has(id)) continue;
    const us = timeDeltas[index] ?? 0;
    all += us;
    if (inside.has(id)) part += us;
  }
  return part / all;
}
