import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { type RunFile, readDevelopmentKey, readRunFile, stateDir } from "@patchbay/process";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type ListResponse, type Registration, Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type ClosableTransport, createTokenSource, createTransport } from "@patchbay/wire";
import { CliError, exitCodes } from "./errors.ts";

/** The running mesh of this user, as an operator sees it. */
export interface MeshConnection extends Disposable {
  readonly run: RunFile;
  readonly stateDir: string;
  readonly registry: Client<typeof Registry>;
  /** The current registrations. */
  list(kinds?: readonly Kind[]): Promise<ListResponse>;
  /** A client of a core service's living replica. Throws CliError when none is registered. */
  service<T extends DescService>(name: string, type: T): Promise<Client<T>>;
  /** A client at a known address, "host:port". */
  at<T extends DescService>(address: string, type: T): Client<T>;
}

/** Finds the running mesh by the run file and connects with a token made from the development key. Throws CliError. */
export async function connectMesh(dir: string = stateDir()): Promise<MeshConnection> {
  const run = await readRunFile(dir);
  if (!run) throw noMesh(dir);
  return connectTo(run, dir);
}

/** The error of every command that needs a running mesh. */
export function noMesh(dir: string): CliError {
  return new CliError(
    `No mesh is running for this user (looked in ${dir}).\n` +
      "Start one with `mesh up`, or the demo with `npm start` in the clone.",
    exitCodes.noMesh,
  );
}

/** Connects to the mesh that a run file describes. */
export async function connectTo(run: RunFile, dir: string): Promise<MeshConnection> {
  const key = await readDevelopmentKey(dir);
  const token = createTokenSource(key, {
    kind: "operator",
    namespace: DEFAULT_NAMESPACE,
    name: "mesh-cli",
    instance: `cli-${process.pid}`,
  });
  const transports = new Map<string, ClosableTransport>();
  const transport = (address: string): ClosableTransport => {
    const known = transports.get(address) ?? createTransport({ address, token });
    transports.set(address, known);
    return known;
  };
  const registry = createClient(Registry, transport(run.address));
  const list = (kinds: readonly Kind[] = []): Promise<ListResponse> => registry.list({ kinds: [...kinds] });
  return {
    run,
    stateDir: dir,
    registry,
    list,
    at: (address, type) => createClient(type, transport(`http://${address}`)),
    async service(name, type) {
      const { registrations } = await list([Kind.CORE]);
      return createClient(type, transport(`http://${addressOf(name, registrations)}`));
    },
    [Symbol.dispose]() {
      for (const each of transports.values()) each.close();
    },
  };
}

const usable: readonly State[] = [State.READY, State.DEGRADED, State.STARTING];

function addressOf(name: string, registrations: readonly Registration[]): string {
  const found = registrations
    .filter((each) => each.announce?.name === name && each.announce.address !== "" && usable.includes(each.state))
    .sort((a, b) => usable.indexOf(a.state) - usable.indexOf(b.state))[0];
  if (found?.announce) return found.announce.address;
  throw new CliError(`The mesh has no ${name} service at the moment. \`mesh check\` tells what is missing.`);
}
