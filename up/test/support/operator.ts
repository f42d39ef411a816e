import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Destination, type ExplainResponse } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { Policy, type StatusResponse } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { Kind, type Registration, Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { GroupBy, type StatResponse, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { createTransport } from "@patchbay/wire";
import type { Mesh } from "../../src/index.ts";

/** What an operator asks a mesh whose services have an address each. Rejects while who is asked is away. */
export interface Operator {
  registrations(kind: Kind): Promise<readonly Registration[]>;
  /** "http://host:port" of a core service that is ready, by the registry. */
  addressOf(service: string): Promise<string>;
  explain(authority: string): Promise<ExplainResponse>;
  stat(source: string, groupBy?: GroupBy): Promise<StatResponse>;
  policies(): Promise<StatusResponse>;
}

export function createOperator(mesh: Pick<Mesh, "address" | "token">): Operator {
  async function ask<Answer>(
    address: string,
    work: (transport: ReturnType<typeof createTransport>) => Promise<Answer>,
  ) {
    const transport = createTransport({ address, token: () => mesh.token });
    try {
      return await work(transport);
    } finally {
      transport.close();
    }
  }
  const registrations: Operator["registrations"] = (kind) =>
    ask(mesh.address, async (transport) => {
      const answer = await createClient(Registry, transport).list({ kinds: [kind] });
      return answer.registrations;
    });
  const addressOf: Operator["addressOf"] = async (service) => {
    const all = await registrations(Kind.CORE);
    const one = all.find(({ announce, state }) => announce?.name === service && state === State.READY);
    if (!one?.announce) throw new Error(`${service} is not ready`);
    return `http://${one.announce.address}`;
  };
  return {
    registrations,
    addressOf,
    explain: async (authority) =>
      ask(await addressOf("destination"), (transport) => createClient(Destination, transport).explain({ authority })),
    stat: async (source, groupBy = GroupBy.PAIR) =>
      ask(await addressOf("telemetry"), (transport) =>
        createClient(Telemetry, transport).stat({ window: durationFromMs(3600000), groupBy, source }),
      ),
    policies: async () => ask(await addressOf("policy"), (transport) => createClient(Policy, transport).status({})),
  };
}
