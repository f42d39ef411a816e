import { isatty } from "node:tty";
import { errorMessage, within } from "@patchbay/model";
import { stateDir as defaultStateDir, readRunFile } from "@patchbay/process";
import { captureEnvironment } from "../core/capture-environment.ts";
import type { LocalPortText } from "../core/local-port.ts";
import { isServiceName, programName } from "../core/program-name.ts";
import { probeProgram, whoAccepts } from "./probe.ts";
import { type Program, startProgram } from "./program.ts";
import { RunError } from "./run-error.ts";
import { type SupervisedSidecar, startSupervisedSidecar } from "./supervised-sidecar.ts";

export interface RunProgramOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** The name under which others reach the program. Undefined: it only calls. Needs `port`. */
  readonly service?: string;
  /** Where the program listens. */
  readonly port?: number;
  /** Path that answers 2xx when the program is ready. Default: it is ready when its port accepts. */
  readonly health?: string;
  /** Default "default". */
  readonly namespace?: string;
  /** Local ports for programs that know no proxy. */
  readonly listens?: readonly LocalPortText[];
  readonly cwd?: string;
  /** Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: that of the environment. */
  readonly stateDir?: string;
  /** "http://host:port". Default: that of the running mesh. */
  readonly registry?: string;
  /** Where requests in flight and the program's own end may take this long each. Default 1,000 ms. */
  readonly drainMs?: number;
  /** Aborted: as if the process had got SIGTERM. */
  readonly signal?: AbortSignal;
  /** Take SIGTERM, SIGINT and SIGHUP of this process. Default true. */
  readonly handleSignals?: boolean;
  /** Hears what matters to people. Default: standard error. */
  readonly warn?: (text: string) => void;
  /** Called with every step. Default: not called. */
  readonly note?: (text: string) => void;
}

/** A program that has not opened its port by then is likely to listen elsewhere. */
const HINT_MS = 10_000;
/** A sidecar that hangs must not keep us. */
const SIDECAR_STOP_MS = 1_500;

/**
 * Runs a program inside the mesh, with a sidecar beside it: its endpoint is there while its port accepts, and what it calls goes
 * through the sidecar. Resolves with its exit code (128 + number of the signal that ended it).
 *
 * On SIGTERM or SIGINT a program with a service name is taken out of use before it is told: deregistered, then, once clients
 * know, given time to answer what it has. A second signal ends it at once. A program without one gets the signal itself.
 *
 * @throws RunError before the program is started.
 */
export async function runProgram(options: RunProgramOptions): Promise<number> {
  const plan = await prepare(options);
  const sidecar = await startSupervisedSidecar(plan).catch((error: unknown) => {
    throw new RunError("sidecar", errorMessage(error));
  });
  plan.note(`sidecar ${plan.name}: outbound 127.0.0.1:${sidecar.outboundPort}`);
  const { env } = plan;
  const program = startProgram({
    command: options.command,
    args: options.args ?? [],
    env: { ...env, ...captureEnvironment(sidecar.outboundPort, env) },
    foreground: options.service === undefined && isatty(0),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const running = { options, plan, sidecar, program };
  const stopProbe = plan.appPort === undefined ? () => undefined : watch(running, plan.appPort);
  const stopListening = onSignals(options, (name, count) => void told(running, { name, count, stopProbe }));
  try {
    return await program.ended;
  } finally {
    stopProbe();
    await sidecar.stop(SIDECAR_STOP_MS);
    stopListening();
  }
}

interface Plan {
  readonly name: string;
  readonly namespace: string;
  readonly appPort: number | undefined;
  readonly listens: readonly LocalPortText[];
  readonly stateDir: string;
  readonly env: NodeJS.ProcessEnv;
  registry(): Promise<string>;
  note(text: string): void;
  warn(text: string): void;
}

interface Running {
  readonly options: RunProgramOptions;
  readonly plan: Plan;
  readonly sidecar: SupervisedSidecar;
  readonly program: Program;
}

/** Finds out what can go wrong before anything is started. */
async function prepare(options: RunProgramOptions): Promise<Plan> {
  const { service, port, namespace = "default", env = process.env } = options;
  if (service !== undefined && !isServiceName(service)) {
    throw new RunError(
      "usage",
      `"${service}" cannot be a service's name: use lower-case letters, digits and hyphens, such as "greeter"`,
    );
  }
  if (service !== undefined && port === undefined) {
    throw new RunError("usage", `on which port does ${service} listen? Add --port PORT`);
  }
  if (service === undefined && port !== undefined) {
    throw new RunError(
      "usage",
      `--port ${port} is where a service listens: under which name do others reach it? Add --service NAME`,
    );
  }
  const stateDir = options.stateDir ?? defaultStateDir(env);
  const address = options.registry ?? (await runningMesh(stateDir));
  if (address === undefined) throw new RunError("no-mesh", "No mesh is running. Start one: npm start");
  let known = address;
  const appPort = service === undefined ? undefined : port;
  if (appPort !== undefined && (await whoAccepts(appPort)) !== undefined) {
    throw new RunError(
      "port",
      `port ${appPort} is in use already: stop what listens there, or give ${service} another port`,
    );
  }
  return {
    name: service ?? programName(options.command),
    namespace,
    appPort,
    listens: options.listens ?? [],
    stateDir,
    env,
    async registry() {
      known = options.registry ?? (await runningMesh(stateDir)) ?? known;
      return known;
    },
    note: options.note ?? (() => undefined),
    warn: options.warn ?? ((text) => process.stderr.write(`${text}\n`)),
  };
}

async function runningMesh(stateDir: string): Promise<string | undefined> {
  return (await readRunFile(stateDir))?.address;
}

/** Tells the sidecar whether the program serves; hints at what may be wrong when it never does. */
function watch({ options, plan, sidecar }: Running, port: number): () => void {
  const hint = setTimeout(() => {
    const at =
      options.health === undefined ? `accept connections on port ${port}` : `answer ${options.health} on port ${port}`;
    plan.warn(
      `mesh run: ${plan.name} does not ${at} after ${HINT_MS / 1000} s, so nobody reaches it. Does it listen on another port? See --port and --health`,
    );
  }, HINT_MS);
  hint.unref();
  const stop = probeProgram({
    port,
    ...(options.health === undefined ? {} : { health: options.health }),
    onChange(state) {
      if (state.ready) clearTimeout(hint);
      plan.note(state.ready ? `${plan.name} is ready` : `${plan.name} is not ready: ${state.reason}`);
      sidecar.setReadiness(state);
    },
  });
  return () => {
    clearTimeout(hint);
    stop();
  };
}

interface Told {
  readonly name: NodeJS.Signals;
  /** First signal or a later one. */
  readonly count: number;
  stopProbe(): void;
}

async function told({ options, plan, sidecar, program }: Running, { name, count, stopProbe }: Told): Promise<void> {
  if (plan.appPort === undefined) return program.signal(name);
  if (count > 1) return program.kill();
  const { drainMs = 1_000 } = options;
  stopProbe();
  plan.note(`${plan.name}: deregistering and draining`);
  await sidecar.drain(drainMs + SIDECAR_STOP_MS);
  program.signal("SIGTERM");
  await within(program.ended, drainMs);
  program.kill();
}

const SAME_SIGNAL_MS = 300;
const SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGHUP"];

/** Calls back with each signal and how many there were. Returns how to stop. */
function onSignals(options: RunProgramOptions, heard: (name: NodeJS.Signals, count: number) => void): () => void {
  let count = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  const hear = (name: NodeJS.Signals) => {
    const now = performance.now();
    // One Ctrl-C comes from the terminal and again from the npm above.
    if (now - lastAt < SAME_SIGNAL_MS) return;
    lastAt = now;
    count += 1;
    heard(name, count);
  };
  const abort = () => hear("SIGTERM");
  if (options.handleSignals !== false) for (const name of SIGNALS) process.on(name, hear);
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted) abort();
  return () => {
    for (const name of SIGNALS) process.off(name, hear);
    options.signal?.removeEventListener("abort", abort);
  };
}
