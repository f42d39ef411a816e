import { create } from "@bufbuild/protobuf";
import { ObserveRequestSchema, type ObserveResponse } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import type { Coverage } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import type { RegistryView } from "@patchbay/runtime";
import { coverageOf, type Standing } from "../core/coverage.ts";
import { type Participant, participantsOf, shareOf } from "../core/participants.ts";
import type { TapRequest } from "../core/tap-request.ts";
import type { Dialler } from "../sources/dialler.ts";
import { observeProxy } from "../sources/observe-proxy.ts";

export interface MembersOptions {
  readonly asked: TapRequest;
  readonly view: RegistryView;
  readonly dialler: Dialler;
  onMessage(message: ObserveResponse): void;
  /** The coverage is another. `settled`: every proxy has answered or failed. */
  onChange(settled: boolean): void;
}

/** The proxies that one tap listens to, as they come and go. */
export interface Members {
  start(): void;
  coverage(): Coverage;
  stop(): void;
}

interface Member {
  readonly participant: Participant;
  standing: Standing;
  readonly leave: () => void;
}

/** Changes within this time are followed together. */
const GATHER_MS = 50;

export function createMembers(options: MembersOptions): Members {
  const { asked, view } = options;
  const members = new Map<string, Member>();
  let gathering: NodeJS.Timeout | undefined;
  let unsubscribe: () => void = () => undefined;

  function follow(): void {
    gathering = undefined;
    const wanted = participantsOf(view.list(), asked.selector);
    let changed = false;
    for (const [id, member] of members) {
      if (wanted.get(id)?.address === member.participant.address) continue;
      member.leave();
      members.delete(id);
      changed = true;
    }
    const maxRps = shareOf(asked.maxRps, wanted.size);
    for (const [id, participant] of wanted) {
      if (members.has(id)) continue;
      members.set(id, join(participant, maxRps));
      changed = true;
    }
    if (changed || wanted.size === 0) tell();
  }

  function join(participant: Participant, maxRps: number): Member {
    if (participant.address === "")
      return { participant, standing: { problem: "it cannot be tapped" }, leave: () => undefined };
    const leave = observeProxy({
      dialler: options.dialler,
      address: participant.address,
      request: create(ObserveRequestSchema, { selector: asked.selector, maxRps }),
      onMessage(message) {
        if (message.message.case === "started") stand("listening");
        else options.onMessage(message);
      },
      onProblem: (problem) => stand({ problem }),
    });
    const member: Member = { participant, standing: "asked", leave };
    const stand = (standing: Standing): void => {
      member.standing = standing;
      if (members.get(participant.id) === member) tell();
    };
    return member;
  }

  const tell = (): void => options.onChange([...members.values()].every(({ standing }) => standing !== "asked"));

  return {
    start() {
      unsubscribe = view.subscribe(() => {
        gathering ??= setTimeout(follow, GATHER_MS);
      });
      follow();
    },
    coverage: () =>
      coverageOf([...members.values()].map(({ participant, standing }) => [participant, standing] as const)),
    stop() {
      unsubscribe();
      clearTimeout(gathering);
      for (const { leave } of members.values()) leave();
      members.clear();
    },
  };
}
