import { exitWithParent, listenForStop, readDevelopmentKey } from "@patchbay/process";
import type { CreateApp } from "./app.ts";
import { compose } from "./compose.ts";
import { readEnvironment } from "./environment.ts";
import { settingsOf } from "./settings.ts";

/** The body of a service's main.ts: serves one service until SIGTERM or SIGINT, then drains it. */
export async function runService(name: string, createApp: CreateApp): Promise<void> {
  exitWithParent();
  const environment = readEnvironment();
  const key = await readDevelopmentKey(environment.stateDir);
  const services = new Map([[name, createApp]]);
  const composition = await compose({ services, environment, key, settings: settingsOf(environment.profile) });
  await listenForStop().first;
  await composition.stop();
  process.exit(0);
}
