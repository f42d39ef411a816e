import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { parseServiceKey, serviceHost, suggestion, workloadName } from "@patchbay/model";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { Destination } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import type { AppContext } from "@patchbay/runtime";
import { serviceNames } from "../core/participants.ts";

const DEADLINE_MS = 1_500;
/** Under which proxies put everything outside of the mesh together. */
const OUTSIDE = "default/egress";

/**
 * Whether somebody serves "namespace/name", or a proxy would find it: behind proxies, by a static service, by a plugin.
 *
 * @throws ConnectError NOT_FOUND, with the nearest name
 */
export async function findService(context: Pick<AppContext, "view" | "locate">, service: string): Promise<void> {
  const names = serviceNames(context.view.list());
  if (service === OUTSIDE || names.includes(service)) return;
  const candidates = [serviceHost(parseServiceKey(service)), shortName(service)];
  const answers = await Promise.all(candidates.map((authority) => isAbsent(context, authority)));
  // Who cannot be asked does not say that it is not there.
  if (answers.some((absent) => !absent)) return;
  const hint = suggestion(shortName(service), names.map(shortName));
  throw new ConnectError(
    `no service ${shortName(service)}: nobody serves it, and no resolver knows it${hint === "" ? "" : `; ${hint}`}`,
    Code.NotFound,
  );
}

async function isAbsent(context: Pick<AppContext, "locate">, authority: string): Promise<boolean> {
  try {
    const destination = createClient(Destination, context.locate("destination"));
    const { resolution } = await destination.explain({ authority }, { timeoutMs: DEADLINE_MS });
    const branches = resolution?.branches ?? [];
    return branches.length > 0 && branches.every(({ outcome }) => outcome === Outcome.ABSENT);
  } catch {
    return false;
  }
}

/** As telemetry names it. */
function shortName(service: string): string {
  return workloadName(parseServiceKey(service));
}
