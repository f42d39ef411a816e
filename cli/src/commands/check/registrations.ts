import { timestampMs } from "@bufbuild/protobuf/wkt";
import { errorMessage } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { MeshConnection } from "../../connect.ts";
import { span } from "../../output/units.ts";
import { byName, stateName } from "../../states.ts";
import { type Finding, ill, well } from "./finding.ts";

/** Sidecars and plugins hold their leases. What is gone for good is no failure: it was stopped. */
export async function checkRegistrations(mesh: MeshConnection): Promise<Finding[]> {
  try {
    const { registrations, complete } = await mesh.list([Kind.PROXY, Kind.PLUGIN]);
    const ofKind = (kind: Kind): Registration[] => registrations.filter((each) => each.announce?.kind === kind);
    return [...pictureFinding(complete), ...sidecars(ofKind(Kind.PROXY)), ...plugins(ofKind(Kind.PLUGIN))];
  } catch (error) {
    return [ill("registrations", errorMessage(error), "`mesh logs registry` says why")];
  }
}

function pictureFinding(complete: boolean): Finding[] {
  if (complete) return [];
  return [
    ill(
      "picture",
      "the registry started less than a lease ago and may not know everybody yet",
      "wait 5 s: mesh check --wait 60s",
    ),
  ];
}

function sidecars(registrations: readonly Registration[]): Finding[] {
  const alive = registrations.filter((each) => each.state !== State.GONE && each.state !== State.DRAINING);
  const shaky = alive.filter((each) => each.state === State.DEGRADED || each.stale);
  const hint = "its lease is running out: is its process stopped or its machine asleep?";
  const findings = shaky.map((each) => ill(`sidecar ${each.announce?.name}`, describe(each), hint));
  return findings.length > 0 ? findings : [well("sidecars", `${alive.length} alive`)];
}

function plugins(registrations: readonly Registration[]): Finding[] {
  const groups = [...byName(registrations)];
  const alive = groups.filter(([, [best]]) => best && best.state !== State.GONE && best.state !== State.DRAINING);
  if (alive.length === 0) return [well("plugins", "none alive")];
  return alive.map(([name, [best]]) => (best ? plugin(name, best) : well(`plugin ${name}`, "none alive")));
}

function plugin(name: string, best: Registration): Finding {
  if (best.state === State.READY) return well(`plugin ${name}`, describe(best));
  return ill(`plugin ${name}`, describe(best), `\`mesh plugins ${name}\` shows what happened when`);
}

function describe({ state, reason, since }: Registration): string {
  const age = since ? ` for ${span(Date.now() - timestampMs(since))}` : "";
  return `${stateName(state)}${age}${reason && `: ${reason}`}`;
}
