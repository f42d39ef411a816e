import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createHealthProbe, type HealthProbe } from "./health-probe.ts";

/** Probes the hook addresses of the plugins whose lease we hold. */
export interface Prober {
  /** Follows our own registrations; a new address is asked at once. */
  follow(changed: readonly Registration[], removed: readonly string[]): void;
  /** Asks everyone, each at most once at a time; call it once a heartbeat interval. */
  round(): void;
  stop(): void;
}

export interface ProberOptions {
  hookToken(registration: Registration): string;
  /** Of one answer. */
  readonly deadlineMs: number;
  onResult(id: string, problem: string): void;
}

interface Probed {
  readonly address: string;
  readonly probe: HealthProbe;
  asking: boolean;
}

/** Time after which an address that did not answer at first is asked again, before the next round. */
const SOON_MS = 100;

export function createProber(options: ProberOptions): Prober {
  const probed = new Map<string, Probed>();
  const drop = (id: string): void => {
    probed.get(id)?.probe.close();
    probed.delete(id);
  };
  const ask = async (id: string, entry: Probed): Promise<string> => {
    if (entry.asking) return "";
    entry.asking = true;
    const problem = await entry.probe.check();
    entry.asking = false;
    if (probed.get(id) === entry) options.onResult(id, problem);
    return problem;
  };
  /** Plugins often announce themselves a moment before they listen. */
  const askNew = async (id: string, entry: Probed): Promise<void> => {
    if ((await ask(id, entry)) === "") return;
    setTimeout(() => probed.get(id) === entry && void ask(id, entry), SOON_MS).unref();
  };
  const add = (registration: Registration): void => {
    const { id, announce } = registration;
    const address = announce?.address ?? "";
    if (probed.get(id)?.address === address) return;
    drop(id);
    const probe = createHealthProbe({
      address,
      hookToken: options.hookToken(registration),
      deadlineMs: options.deadlineMs,
    });
    const entry = { address, probe, asking: false };
    probed.set(id, entry);
    void askNew(id, entry);
  };
  return {
    follow(changed, removed) {
      for (const registration of changed) {
        if (isProbed(registration)) add(registration);
        else drop(registration.id);
      }
      for (const id of removed) drop(id);
    },
    round() {
      for (const [id, entry] of probed) void ask(id, entry);
    },
    stop() {
      for (const id of probed.keys()) drop(id);
    },
  };
}

function isProbed({ announce, state }: Registration): boolean {
  return announce?.kind === Kind.PLUGIN && (announce.manifest?.hooks.length ?? 0) > 0 && state !== State.GONE;
}
