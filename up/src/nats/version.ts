import { runCommand } from "./run-command.ts";

/** Oldest server that has auth callout, multiple filters and the fixes that the accounts rely on. */
export const MINIMUM_VERSION = "2.12.0";

/** The version that set-up installs. */
export const INSTALLED_VERSION = "2.15.1";

/** What `nats-server --version` says, such as "2.15.1"; undefined when the file does not run. */
export async function natsVersion(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { code, output } = await runCommand(path, ["--version"], { env, timeoutMs: 10_000 });
  return code === 0 ? /v?(\d+\.\d+\.\d+)/.exec(output)?.[1] : undefined;
}

export function isNewEnough(version: string): boolean {
  const [found, wanted] = [version, MINIMUM_VERSION].map((text) => text.split(".").map(Number));
  for (const index of [0, 1, 2]) {
    const difference = (found?.[index] ?? 0) - (wanted?.[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
