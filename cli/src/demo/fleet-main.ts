// The demo application in its own process: its programs, and a sidecar for each. Ends with the process that started it.
import { demoServices } from "@patchbay/demo";
import { exitWithParent, listenForStop } from "@patchbay/process";
import { readEnvironment } from "@patchbay/runtime";
import { runFleet } from "@patchbay/up";

exitWithParent();
const told = listenForStop().first;
const { registry = "", stateDir } = readEnvironment();
const fleet = await runFleet({ programs: demoServices, registry, stateDir, env: process.env });
await told;
await fleet.stop();
process.exit(0);
