import { readEnvironment, runService } from "@patchbay/runtime";
import { createRegistryApp } from "./app.ts";
import { loadNatsKeys } from "./sources/nats-keys.ts";

const { natsUrl, stateDir } = readEnvironment();
const nats = natsUrl ? { servers: [natsUrl], keys: await loadNatsKeys(stateDir) } : undefined;
await runService("registry", (context) => createRegistryApp(context, { nats }));
