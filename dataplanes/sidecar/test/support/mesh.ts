import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { readDevelopmentKey } from "@patchbay/process";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration, Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type Mesh, startMesh } from "@patchbay/up";
import { createTokenSource, createTransport } from "@patchbay/wire";
import { type RunProgramOptions, runProgram } from "../../src/run/run-program.ts";

export interface TestMesh extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly key: Uint8Array;
  /** All registrations of proxies of a service. */
  proxies(service: string): Promise<readonly Registration[]>;
  /** Live registrations of proxies of a service that are ready. */
  workloads(service: string): Promise<readonly Registration[]>;
  /** Runs a program as `mesh run` does, in a process of its own. */
  run(options: RunProgramOptions): Running;
  /** The same under this process, which is faster to start. `stop` is SIGTERM; `ended` is the exit code. */
  runHere(options: RunProgramOptions): { stop(): void; readonly ended: Promise<number> };
}

/** A `mesh run` with what it wrote. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly errors: () => string;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

const RUN = fileURLToPath(new URL("../fixtures/run.ts", import.meta.url));
export const GREETER = fileURLToPath(new URL("../fixtures/greeter.mjs", import.meta.url));

/** A state folder that is removed in the end. */
export async function createStateDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "sidecar-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A small real mesh. */
export async function startTestMesh(dir: string): Promise<TestMesh> {
  const mesh = await startMesh({ stateDir: dir });
  const key = await readDevelopmentKey(dir);
  const token = createTokenSource(key, { kind: "operator", namespace: "default", name: "test", instance: "test-1" });
  const transport = createTransport({ address: mesh.address, token });
  const registry = createClient(Registry, transport);
  const children = new Set<ChildProcess>();
  const here = new Set<{ readonly stopping: AbortController; readonly ended: Promise<number> }>();
  async function proxies(service: string): Promise<readonly Registration[]> {
    const { registrations } = await registry.list({ kinds: [Kind.PROXY] });
    return registrations.filter(({ announce }) => announce?.workload?.service === service);
  }
  return {
    mesh,
    key,
    proxies,
    workloads: async (service) => (await proxies(service)).filter(({ state }) => state === State.READY),
    run(options) {
      const env = { ...process.env, MESH_STATE_DIR: dir, NODE_COMPILE_CACHE: join(dir, "cache") };
      const child = spawn(process.execPath, [RUN, JSON.stringify(options)], { env, stdio: ["ignore", "pipe", "pipe"] });
      children.add(child);
      return follow(child);
    },
    runHere(options) {
      const stopping = new AbortController();
      const ended = runProgram({ stateDir: dir, ...options, handleSignals: false, signal: stopping.signal });
      here.add({ stopping, ended });
      return { stop: () => stopping.abort(), ended };
    },
    async [Symbol.asyncDispose]() {
      for (const { stopping } of here) stopping.abort();
      await Promise.allSettled([...here].map(({ ended }) => ended));
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      transport.close();
      await mesh.stop();
    },
  };
}

function follow(child: ChildProcess): Running {
  let output = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "close").then(([code, signal]: unknown[]) =>
    typeof code === "number" ? code : String(signal),
  );
  return { child, output: () => output, errors: () => errors, ended };
}
