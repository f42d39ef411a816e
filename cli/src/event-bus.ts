import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { layout } from "@patchbay/up/layout";
import { connectEvents, type EventBus } from "@patchbay/wire";
import { CliError } from "./errors.ts";

const CONNECT_WITHIN_MS = 3_000;

/** Connects to the running mesh's NATS as the core does. Throws CliError when there is none or it does not answer. */
export async function connectBus(dir: string): Promise<EventBus> {
  const paths = layout(dir);
  const url = await readFile(paths.natsUrl, "utf8").catch(() => "");
  if (!url) throw new CliError(`The running mesh has left no NATS address in ${paths.natsUrl}. Start it again.`);
  const seed = (await readFile(join(paths.nats, "core.seed"), "utf8")).trim();
  const signal = AbortSignal.timeout(CONNECT_WITHIN_MS);
  try {
    return await connectEvents({ servers: [url], name: "mesh-cli", seed, signal });
  } catch (error) {
    const why = signal.aborted ? `no answer within ${CONNECT_WITHIN_MS / 1_000} s` : String(error);
    throw new CliError(`NATS at ${url} cannot be used: ${why}. \`mesh logs nats-server\` may say more.`);
  }
}
