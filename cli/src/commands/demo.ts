import { join } from "node:path";
import { demoServices } from "@patchbay/demo";
import { errorMessage, pause } from "@patchbay/model";
import type { StopRequest } from "@patchbay/process";
import { type Mesh, pathLine, startMesh } from "@patchbay/up";
import { Command } from "commander";
import { connectMesh, type MeshConnection } from "../connect.ts";
import { startDemoFleet, untilDemoReady } from "../demo/demo-fleet.ts";
import { showLive, summary } from "../demo/live.ts";
import { lineWidth, paint, print } from "../output/output.ts";
import { wrap } from "../output/table.ts";
import { type AuthorizationOption, authorizationOption, parseTime } from "../parse-options.ts";
import { createSteps, type Steps } from "../steps.ts";
import { listenForStop } from "../stop-request.ts";
import { addressWithToken, DEFAULT_PORT, natsText, otherPort } from "./up.ts";

interface DemoOptions extends AuthorizationOption {
  readonly for?: number;
}

/** What `npm start` runs: the control plane, the demo application and its load, until told to stop. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("the control plane with the demo application and load (npm start)")
    .option("--for <time>", "stop by itself after this time, with a summary, such as 30s", parseTime)
    .addOption(authorizationOption())
    .addHelpText("after", "\nExamples:\n  npm start\n  npm start -- --for 30s")
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const told = listenForStop({ outlivesReader: true });
  const steps = createSteps();
  const started = performance.now();
  const mesh = await startMesh({
    port: DEFAULT_PORT,
    orFreePort: true,
    ...(options.defaultAuthorization === undefined ? {} : { defaultAuthorization: options.defaultAuthorization }),
    progress: steps.show,
    signal: told.signal,
  }).finally(steps.clear);
  await using _mesh = mesh;
  const services = mesh.services.map((each) => each.name).join(", ");
  print(...okLines(`control plane (${services}; ${natsText(mesh)})`));
  await withFleet({ mesh, told, steps, started, options });
  steps.show("stopping the control plane");
  await mesh.stop();
  steps.clear();
}

interface Running {
  readonly mesh: Mesh;
  readonly told: StopRequest;
  readonly steps: Steps;
  /** By the clock of `performance`, in milliseconds. */
  readonly started: number;
  readonly options: DemoOptions;
}

const FLEET_ENDS_WITHIN_MS = 1_500;

async function withFleet(running: Running): Promise<void> {
  const { mesh, told, steps } = running;
  steps.show("starting the demo application");
  using connection = await connectMesh(mesh.stateDir);
  const fleet = startDemoFleet(mesh);
  try {
    await untilDemoReady(connection, told.signal);
    steps.clear();
    if (!told.signal.aborted) await live(running, connection);
  } finally {
    steps.show("stopping the demo application");
    await fleet.stop(FLEET_ENDS_WITHIN_MS);
    steps.clear();
    fleet.closeLog();
  }
}

async function live({ mesh, told, started, options }: Running, connection: MeshConnection): Promise<void> {
  print(...welcome(mesh, performance.now() - started), "");
  const since = performance.now();
  const limit = options.for === undefined ? told.first : pause(options.for * 1_000, told.signal);
  const ending = new AbortController();
  const showing = showLive(connection, ending.signal);
  await Promise.race([told.first, limit]);
  ending.abort();
  await showing;
  if (options.for === undefined) return;
  print(
    "",
    ...(await summary(connection, (performance.now() - since) / 1_000).catch((error: unknown) => [
      errorMessage(error),
    ])),
  );
}

/** "ok", and the text beside it. */
function okLines(text: string): string[] {
  const [first = "", ...more] = wrap(text, lineWidth() - 3);
  return [`${paint("good", "ok")} ${first}`, ...more.map((line) => `   ${line}`)];
}

function welcome(mesh: Mesh, tookMs: number): string[] {
  const services = demoServices.map((service) => `${service.name} (${service.about})`);
  return [
    ...okLines(`demo: ${services.join(", ")}`),
    `   each behind a sidecar; ready after ${(tookMs / 1_000).toFixed(1)} s`,
    "",
    `  ${paint("bold", addressWithToken(mesh))}`,
    ...otherPort(mesh).map((line) => `  ${line}`),
    "",
    "Try, in another terminal in this folder:",
    "  npx mesh stat --routes             which route fails?",
    "  npx mesh tap payments              single requests, as they happen",
    "  npx mesh explain payments          who answers for a name, and why",
    "  npx mesh run -- curl http://web/   any program, inside the mesh",
    `Elsewhere: ${pathLine(join(mesh.stateDir, "bin"))}`,
  ];
}
