import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Client, createClient, type Transport } from "@connectrpc/connect";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import type { ReportOwnership } from "../core/aggregate/report-ownership.ts";

/** Request header: answer for yourself, do not ask other replicas. */
export const LOCAL_ONLY_HEADER = "mesh-local-only";
/** Response header: the replica itself, then those whose reports it counts too. */
export const SHARES_HEADER = "mesh-shares";

const DEADLINE_MS = 1_000;

export interface PeersOptions {
  readonly service: string;
  readonly instance: string;
  readonly shares: ReportOwnership;
  registrations(kind: Kind): readonly Registration[];
  at(address: string): Transport;
}

export interface PeerAnswers<Answer> {
  readonly answers: readonly Answer[];
  /** Instances that did not answer within the deadline. */
  readonly missing: readonly string[];
}

/** A question to one other replica, to be asked with these options. */
export type Question<Answer> = (client: Client<typeof Telemetry>, options: CallOptions) => Promise<Answer>;

export interface Peers {
  /** Asks all other replicas for what they alone count. */
  ask<Answer>(question: Question<Answer>): Promise<PeerAnswers<Answer>>;
  /** Learns from all other replicas what they count, so that it is left to them. */
  learnShares(): Promise<void>;
}

interface Peer {
  readonly instance: string;
  readonly address: string;
}

/** The other replicas of telemetry, as the registry knows them. */
export function createPeers(options: PeersOptions): Peers {
  const ask = async <Answer>(question: Question<Answer>): Promise<PeerAnswers<Answer>> => {
    const missing: string[] = [];
    const answers = await Promise.all(
      others(options).map(async (peer) => {
        try {
          return await askOne(options, peer, question);
        } catch {
          missing.push(peer.instance);
          return undefined;
        }
      }),
    );
    return { answers: answers.filter((answer) => answer !== undefined), missing };
  };
  return {
    ask,
    async learnShares() {
      // The shortest question: what counts is the answer's header.
      await ask((client, call) => client.stat({ window: durationFromMs(1_000) }, call));
    },
  };
}

/** Undefined when somebody else has taken the place of the replica that was there. */
async function askOne<Answer>(
  options: PeersOptions,
  peer: Peer,
  question: Question<Answer>,
): Promise<Answer | undefined> {
  let counted: readonly string[] = [];
  const answer = await question(createClient(Telemetry, options.at(`http://${peer.address}`)), {
    headers: { [LOCAL_ONLY_HEADER]: "1" },
    timeoutMs: DEADLINE_MS,
    onHeader: (headers) => {
      counted = (headers.get(SHARES_HEADER) ?? "").split(",");
    },
  });
  if (counted[0] !== peer.instance) return undefined;
  options.shares.leaveTo(counted);
  return answer;
}

/** Living replicas but this one and those whose reports it has adopted. */
function others({ service, instance, shares, registrations }: PeersOptions): Peer[] {
  return registrations(Kind.CORE).flatMap(({ announce, state }) => {
    if (!announce || announce.name !== service || state === State.GONE || announce.address === "") return [];
    if (announce.instance === instance || shares.has(announce.instance)) return [];
    return [{ instance: announce.instance, address: announce.address }];
  });
}
