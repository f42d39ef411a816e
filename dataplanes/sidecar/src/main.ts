import { errorMessage } from "@patchbay/model";
import { exitWithParent, listenForStop, readDevelopmentKey, readRunFile } from "@patchbay/process";
import { createLog, readEnvironment, settingsOf } from "@patchbay/runtime";
import { startSidecar } from "./app.ts";
import { type Event, encodeLine, readCommands } from "./run/control.ts";
import { probeProgram } from "./run/probe.ts";
import { readSidecarEnvironment } from "./run/sidecar-environment.ts";
import type { Sidecar, SidecarOptions } from "./sidecar.ts";

/** A sidecar as a process: configured by its environment, and controlled by its supervisor, if there is one. */
async function main(): Promise<void> {
  exitWithParent();
  const told = listenForStop().first;
  const own = readSidecarEnvironment(process.env);
  const sidecar = await start(own).catch((error: unknown) => {
    say(own.controlled, { type: "failed", message: errorMessage(error) });
    process.stderr.write(`${errorMessage(error)}\n`);
    process.exit(1);
  });
  const { outboundPort, inboundPort, listenPorts } = sidecar;
  say(own.controlled, { type: "listening", outboundPort, inboundPort, listenPorts });
  if (own.controlled) obey(sidecar);
  else watchProgram(sidecar, own);
  await told;
  await sidecar.drain();
  await end(sidecar);
}

type Own = ReturnType<typeof readSidecarEnvironment>;

async function start(own: Own): Promise<Sidecar> {
  const environment = readEnvironment();
  const run = await readRunFile(environment.stateDir).catch((error: unknown) => {
    if (environment.registry === undefined) throw error;
    return undefined;
  });
  const registry = environment.registry ?? run?.address;
  if (registry === undefined) throw new Error("No mesh is running. Start one: npm start");
  const options: SidecarOptions = {
    registry,
    key: await readDevelopmentKey(environment.stateDir),
    log: createLog({ name: `sidecar/${own.name}`, level: environment.logLevel }),
    environment: process.env,
    stateDir: environment.stateDir,
    settings: settingsOf(isSet("MESH_PROFILE") ? environment.profile : (run?.profile ?? "development")),
    // What the mesh was started with, unless the environment says otherwise.
    defaultAuthorization: isSet("MESH_DEFAULT_AUTHORIZATION")
      ? environment.defaultAuthorization
      : (run?.defaultAuthorization ?? "allow"),
    ...own.sidecar,
  };
  return await startSidecar(options);
}

function obey(sidecar: Sidecar): void {
  readCommands(process.stdin, (command) => {
    if (command.type === "readiness") sidecar.setReadiness(command);
    else if (command.type === "stop") void end(sidecar);
    else void sidecar.drain().then((cut) => say(true, { type: "drained", cut }));
  });
}

function watchProgram(sidecar: Sidecar, own: Own): void {
  const { app } = own.sidecar;
  if (app === undefined) return;
  probeProgram({
    port: app.port,
    ...(own.health === undefined ? {} : { health: own.health }),
    onChange: sidecar.setReadiness,
  });
}

function isSet(name: string): boolean {
  return (process.env[name] ?? "") !== "";
}

async function end(sidecar: Sidecar): Promise<void> {
  await sidecar.stop();
  process.exit(0);
}

function say(controlled: boolean, event: Event): void {
  if (controlled) process.stdout.write(encodeLine(event));
}

await main();
