import type { ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { createBackoff, pause, within } from "@patchbay/model";
import type { ProgramReadiness } from "../sidecar.ts";
import {
  exitOf,
  firstEvent,
  follow,
  openSidecarLog,
  type Ports,
  type SidecarProcessOptions,
  spawnSidecar,
  tell,
} from "./sidecar-process.ts";

export interface SupervisedSidecarOptions extends SidecarProcessOptions {
  /** "http://host:port" of the registry now: a mesh that was started again may have another. */
  registry(): Promise<string>;
  /** What happens, for people who asked to hear it. */
  note(text: string): void;
}

/** A sidecar in a process of its own, started again on the same ports when it dies. */
export interface SupervisedSidecar {
  /** Where the program sends its calls. */
  readonly outboundPort: number;
  setReadiness(readiness: ProgramReadiness): void;
  /** Settles when requests have ended, or the limit has passed. */
  drain(limitMs: number): Promise<void>;
  /** Lets it make its last report; ends it after the limit. */
  stop(limitMs: number): Promise<void>;
}

const ANY_PORTS: Ports = { outboundPort: 0, inboundPort: 0 };
/** A sidecar that lived this long was healthy: the next wait begins small again. */
const HEALTHY_AFTER_MS = 10_000;
/** Between two looks whether the mesh has moved. */
const MOVED_MS = 2_000;

/** Rejects with the sidecar's own sentence when it cannot start the first time. */
export async function startSupervisedSidecar(options: SupervisedSidecarOptions): Promise<SupervisedSidecar> {
  const log = openSidecarLog(options);
  const registry = await options.registry();
  const child = spawnSidecar(options, { registry, ports: ANY_PORTS, log });
  const first = await firstEvent(child);
  if (first.type === "listening") return keepAlive(options, { child, registry, ports: first, log });
  closeSync(log);
  throw new Error(first.type === "failed" ? first.message : "the sidecar spoke out of turn");
}

interface Started {
  readonly child: ChildProcess;
  readonly registry: string;
  readonly ports: Ports;
  readonly log: number;
}

function keepAlive(options: SupervisedSidecarOptions, { ports, log, ...first }: Started): SupervisedSidecar {
  const stopping = new AbortController();
  const drained = Promise.withResolvers<void>();
  let { child, registry } = first;
  let readiness: ProgramReadiness | undefined;
  let draining = false;

  async function restart(): Promise<void> {
    // Without a current address of the registry, its last one is the best guess.
    registry = await options.registry().catch(() => registry);
    if (stopping.signal.aborted) return;
    child = spawnSidecar(options, { registry, ports, log });
    // A draining program must not be announced as ready again.
    if (readiness !== undefined && !draining) tell(child, { type: "readiness", ...readiness });
  }

  async function run(): Promise<void> {
    const backoff = createBackoff({ minMs: 50, maxMs: 5_000 });
    for (;;) {
      const since = performance.now();
      follow(child, (event) => {
        if (event.type === "drained") drained.resolve();
      });
      const how = await exitOf(child);
      if (draining) drained.resolve();
      if (stopping.signal.aborted) return;
      if (performance.now() - since > HEALTHY_AFTER_MS) backoff.reset();
      options.note(`the sidecar ended (${how}); starting it again`);
      await pause(backoff.next(), stopping.signal);
      if (stopping.signal.aborted) return;
      await restart();
      if (stopping.signal.aborted) return;
    }
  }

  async function followMoves(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pause(MOVED_MS, stopping.signal);
      const now = await options.registry().catch(() => registry);
      if (now === registry || draining || stopping.signal.aborted) continue;
      options.note(`the mesh is at ${now} now; following it`);
      child.kill("SIGTERM");
      await exitOf(child);
    }
  }

  void followMoves();
  const ended = run().finally(() => closeSync(log));
  return {
    outboundPort: ports.outboundPort,
    setReadiness(next) {
      readiness = next;
      tell(child, { type: "readiness", ...next });
    },
    async drain(limitMs) {
      draining = true;
      tell(child, { type: "drain" });
      await within(drained.promise, limitMs);
    },
    async stop(limitMs) {
      stopping.abort();
      tell(child, { type: "stop" });
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
