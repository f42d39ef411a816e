import { errorMessage } from "@patchbay/model";
import { type EventBus, STREAMS } from "@patchbay/wire";
import { connectBus } from "../../event-bus.ts";
import { compact } from "../../output/units.ts";
import { type Finding, ill, well } from "./finding.ts";

/** NATS answers, with JetStream, with the accounts that plugins need, and with a stream per class. */
export async function checkEvents(dir: string): Promise<Finding[]> {
  let bus: EventBus;
  try {
    bus = await connectBus(dir);
  } catch (error) {
    return [
      ill("nats", errorMessage(error), "`mesh logs nats-server` says why; with MESH_NATS_URL, is that server up?"),
    ];
  }
  try {
    return [await checkAccounts(bus), await checkStorage(bus), await checkStreams(bus)];
  } finally {
    await bus.close();
  }
}

/** Without the account CORE, plugins cannot be told apart from the core, so they get no credentials. */
async function checkAccounts(bus: EventBus): Promise<Finding> {
  const component = "nats accounts";
  const hint = "put what `mesh nats-config` prints into that server's configuration, then start the mesh again";
  try {
    const answer = await bus.request("$SYS.REQ.USER.INFO", new Uint8Array(), 2_000);
    const account = accountOf(new TextDecoder().decode(answer));
    if (account === "CORE") return well(component, "AUTH, CORE, PLUGINS");
    return ill(
      component,
      `this server has none of the mesh's accounts (we are in ${account}): plugins get no credentials`,
      hint,
    );
  } catch (error) {
    return ill(component, errorMessage(error), hint);
  }
}

function accountOf(text: string): string {
  return /"account"\s*:\s*"([^"]*)"/.exec(text)?.[1] ?? "an unknown account";
}

async function checkStorage(bus: EventBus): Promise<Finding> {
  const component = "jetstream";
  try {
    const { storage, limits } = await bus.admin().getAccountInfo();
    const most = limits.max_storage > 0 ? ` of ${megabytes(limits.max_storage)}` : "";
    return well(component, `${megabytes(storage)}${most} used`);
  } catch (error) {
    return ill(component, errorMessage(error), "the server needs JetStream: `jetstream { store_dir: … }`");
  }
}

async function checkStreams(bus: EventBus): Promise<Finding> {
  const component = "event streams";
  const found: string[] = [];
  for (const stream of Object.values(STREAMS)) {
    try {
      const { state } = await bus.admin().streams.info(stream);
      found.push(`${stream.toLowerCase().replace("events_", "")} ${compact(state.messages)}`);
    } catch (error) {
      return ill(
        component,
        `${stream}: ${errorMessage(error)}`,
        "the registry creates them: `mesh logs registry` says why not",
      );
    }
  }
  return well(component, found.join(", "));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`;
}
