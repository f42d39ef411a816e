import { type DefaultAuthorization, spawnDieWithParent } from "@patchbay/process";
import { captureEnvironment, probeProgram, type Sidecar, startSidecar } from "@patchbay/sidecar";
import type { Log } from "@patchbay/wire";
import { freePort } from "../free-port.ts";
import { type Supervised, supervise } from "../supervise.ts";
import type { FleetOptions, FleetProgram } from "./fleet-program.ts";

export interface MemberOptions {
  readonly program: FleetProgram;
  readonly options: FleetOptions;
  readonly key: Uint8Array;
  /** What its sidecar decides before it knows any rules. */
  readonly defaultAuthorization: DefaultAuthorization;
  readonly log: Log;
  /** Takes what the program prints. */
  readonly output: (text: string) => void;
}

/** A program and its sidecar. */
export interface Member {
  readonly program: FleetProgram;
  /** Settles when the program is ready for the first time; at once when it only calls. */
  readonly ready: Promise<void>;
  stopProgram(graceMs: number): Promise<void>;
  stopSidecar(): Promise<void>;
}

const HOST = "127.0.0.1";
const tie = new URL("./tie.ts", import.meta.url).href;

export async function startMember(member: MemberOptions): Promise<Member> {
  const { program, options, key, defaultAuthorization, log } = member;
  const port = program.serves ? await freePort(HOST) : undefined;
  const sidecar = await startSidecar({
    registry: options.registry,
    key,
    name: program.name,
    ...(port === undefined ? {} : { app: { host: HOST, port } }),
    environment: options.env,
    stateDir: options.stateDir,
    defaultAuthorization,
    log,
  });
  const supervised = superviseProgram(member, sidecar, port);
  const ready = Promise.withResolvers<void>();
  if (port === undefined) ready.resolve();
  const onReady = (): void => ready.resolve();
  const stopProbe = port === undefined ? () => undefined : probe(member, { sidecar, port, onReady });
  return {
    program,
    ready: ready.promise,
    async stopProgram(graceMs) {
      stopProbe();
      await supervised.stop(graceMs);
    },
    stopSidecar: () => sidecar.stop(),
  };
}

function superviseProgram({ program, options, log, output }: MemberOptions, sidecar: Sidecar, port = 0): Supervised {
  return supervise({
    name: program.name,
    log,
    spawn: () => {
      const args = ["--disable-warning=ExperimentalWarning", "--import", tie, ...program.command];
      const child = spawnDieWithParent(process.execPath, args, {
        env: { ...options.env, PORT: String(port), ...captureEnvironment(sidecar.outboundPort, options.env) },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
      for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", output);
      return child;
    },
  });
}

interface Probing {
  readonly sidecar: Sidecar;
  readonly port: number;
  onReady(): void;
}

function probe({ program }: MemberOptions, { sidecar, port, onReady }: Probing): () => void {
  return probeProgram({
    port,
    ...(program.health === undefined ? {} : { health: program.health }),
    onChange(state) {
      sidecar.setReadiness(state);
      if (state.ready) onReady();
    },
  });
}
