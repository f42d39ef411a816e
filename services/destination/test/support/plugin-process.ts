import { exitWithParent } from "@patchbay/process";
import { endpointsOf, startCountingPlugin } from "./counting-plugin.ts";

// A plugin as a separate process, to be stopped and continued: always the same answer, its address on standard output.
exitWithParent();
const plugin = await startCountingPlugin();
plugin.answer(endpointsOf(9001));
process.stdout.write(`${plugin.address}\n`);
