import { join } from "node:path";
import { pause } from "@patchbay/model";
import { type Mesh, pathLine, startMesh } from "@patchbay/up";
import { Command } from "commander";
import { type OutputOption, outputOption, paint, print, printJsonLine } from "../output/output.ts";
import { type AuthorizationOption, authorizationOption, parsePort, parseTime } from "../parse-options.ts";
import { createSteps } from "../steps.ts";
import { listenForStop } from "../stop-request.ts";

/** Where `mesh up` listens unless the port is taken. */
export const DEFAULT_PORT = 4140;

interface UpOptions extends OutputOption, AuthorizationOption {
  readonly processes?: true;
  readonly port?: number;
  readonly for?: number;
}

export function upCommand(): Command {
  return new Command("up")
    .description("start the control plane and stay with it until Ctrl-C")
    .option("--processes", "each service a process of its own, restarted when it ends")
    .option("--port <port>", `port of the API (default: ${DEFAULT_PORT}, or any free one when it is taken)`, (text) =>
      parsePort(text, 0),
    )
    .option("--for <time>", "stop by itself after this time, such as 30s", parseTime)
    .addOption(authorizationOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh up
  mesh up --processes
  mesh up --for 10m -o json

Everything it keeps is in $XDG_STATE_HOME/patchbay (MESH_STATE_DIR moves it).
Ctrl-C drains for at most a second; a second Ctrl-C ends at once. Exit code 1
when a mesh is already running. MESH_NATS_URL uses a nats-server of yours.
MESH_PROFILE=cluster takes the times of a cluster instead of a laptop's: leases
of 30 s, reports every 10 s, refusals that do not name their policy.`,
    )
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  const { signal, first } = listenForStop({ outlivesReader: true });
  const steps = createSteps();
  const mesh = await startMesh({
    mode: options.processes ? "processes" : "single",
    port: options.port ?? DEFAULT_PORT,
    orFreePort: options.port === undefined,
    ...(options.defaultAuthorization === undefined ? {} : { defaultAuthorization: options.defaultAuthorization }),
    progress: steps.show,
    signal,
  }).finally(steps.clear);
  if (options.output === "json") printJsonLine(upJson(mesh));
  else print(...upLines(mesh), ...(options.port === undefined ? otherPort(mesh) : []));
  await Promise.race([first, options.for === undefined ? first : pause(options.for * 1_000, signal)]);
  steps.show("stopping");
  await mesh.stop();
  steps.clear();
}

/** "http://127.0.0.1:4140/?token=…": all that a browser or curl needs. */
export function addressWithToken(mesh: Mesh): string {
  return `${mesh.address}/?token=${mesh.token}`;
}

/** A note when the default port is taken. */
export function otherPort(mesh: Mesh): string[] {
  const { port } = new URL(mesh.address);
  return port === String(DEFAULT_PORT)
    ? []
    : [`Port ${DEFAULT_PORT} is taken by another program, so it is ${port} this time.`];
}

function upJson(mesh: Mesh): object {
  const { address, token, stateDir, mode, nats } = mesh;
  const services = mesh.services.map((each) => ({ name: each.name, pid: each.pid() }));
  return { address, token, stateDir, mode, nats: { url: nats.url, version: nats.version }, services, pid: process.pid };
}

function upLines(mesh: Mesh): string[] {
  const names = mesh.services.map((each) => each.name).join(", ");
  const lease = mesh.settings.leaseMs / 1_000;
  return [
    `${paint("good", "The mesh is up")}: ${names}; ${natsText(mesh)}`,
    `  address    ${paint("bold", addressWithToken(mesh))}`,
    `  state      ${mesh.stateDir}`,
    `  resources  ${join(mesh.stateDir, "resources")} (YAML, watched)`,
    "Put a program into it, from another terminal:",
    "  mesh run --service greeter --port 7001 -- node server.js",
    "  mesh run -- curl http://greeter/",
    "  mesh check",
    `The command mesh everywhere: ${pathLine(join(mesh.stateDir, "bin"))}`,
    paint("dim", `Ctrl-C stops it. Leases are ${lease} s.`),
  ];
}

/** What carries the events, in a few words. */
export function natsText({ nats }: Mesh): string {
  return nats.origin === "foreign" ? `NATS at ${nats.url}` : `nats-server ${nats.version}`;
}
