import { within } from "@patchbay/model";
import { readDevelopmentKey, readRunFile } from "@patchbay/process";
import { createLog } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import { layout } from "../layout.ts";
import { type LogFile, openLogFile } from "../log-file.ts";
import type { FleetOptions, FleetProgram } from "./fleet-program.ts";
import { type Member, startMember } from "./member.ts";

/** Programs that run in the mesh, each behind its own sidecar. */
export interface Fleet {
  /** Those that only call end first, then the others, then the sidecars with their last reports. At most 2 s. */
  stop(): Promise<void>;
}

const SERVERS_READY_MS = 10_000;
const CALLERS_END_MS = 400;
const PROGRAMS_END_MS = 400;

/**
 * Starts each program as a process and a sidecar for it. The sidecars share this process: a dozen of them as processes
 * would take most of a laptop's first seconds, and nothing else would be different.
 */
export async function runFleet(options: FleetOptions): Promise<Fleet> {
  const paths = layout(options.stateDir);
  const key = await readDevelopmentKey(paths.dir);
  const defaultAuthorization = (await readRunFile(paths.dir))?.defaultAuthorization ?? "allow";
  const file = openLogFile({ dir: paths.logs, name: "demo" });
  const start = (programs: readonly FleetProgram[]): Promise<Member[]> =>
    Promise.all(
      programs.map((program) => {
        const log = createLog({ name: `sidecar/${program.name}`, destination: file });
        return startMember({ program, options, key, defaultAuthorization, log, output: outputOf(program.name, file) });
      }),
    );
  const servers = await start(options.programs.filter(({ serves }) => serves));
  // A caller that comes before those whom it calls would only count failures.
  await within(Promise.all(servers.map((member) => member.ready)), SERVERS_READY_MS);
  const callers = await start(options.programs.filter(({ serves }) => !serves));
  return { stop: () => stopFleet([...servers, ...callers], file) };
}

/** What a program prints, as log lines under its name. */
function outputOf(name: string, file: LogFile): (text: string) => void {
  const log: Log = createLog({ name, destination: file });
  return (text) => {
    for (const line of text.split("\n").filter(Boolean)) log.info({}, line);
  };
}

async function stopFleet(members: readonly Member[], file: LogFile): Promise<void> {
  const endOf = (some: readonly Member[], ms: number): Promise<boolean> =>
    within(Promise.all(some.map((member) => member.stopProgram(ms))), ms + 200);
  await endOf(
    members.filter(({ program }) => !program.serves),
    CALLERS_END_MS,
  );
  await endOf(
    members.filter(({ program }) => program.serves),
    PROGRAMS_END_MS,
  );
  await within(Promise.all(members.map((member) => member.stopSidecar())), 1_000);
  file.close();
}
