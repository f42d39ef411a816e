import { isRecord } from "../model/record.ts";
import type { MeshOptions, TestMesh } from "../public/test-kit.ts";

/** The package that brings the control plane; an optional peer, since few plugins need a whole mesh in their tests. */
const meshPackage = "@patchbay/up";

interface Started {
  readonly address: string;
  readonly stateDir: string;
  stop(): Promise<void>;
}

/**
 * Starts a small real mesh (control plane and nats-server) with a state folder of its own.
 * Rejects with what to do when the package that brings it is not installed.
 */
export async function startMesh(options: MeshOptions = {}): Promise<TestMesh> {
  const start = await loadStart();
  const mesh = await start(options);
  return {
    address: mesh.address,
    stateDir: mesh.stateDir,
    stop: () => mesh.stop(),
    [Symbol.asyncDispose]: () => mesh.stop(),
  };
}

async function loadStart(): Promise<(options: MeshOptions) => Promise<Started>> {
  const loaded = await load();
  const start = isRecord(loaded) ? loaded.startMesh : undefined;
  if (isStart(start)) return start;
  throw new Error(`${meshPackage} has no startMesh(): its version does not fit this version of mesh-sdk`);
}

async function load(): Promise<unknown> {
  try {
    return await import(meshPackage);
  } catch (cause) {
    const hint =
      "Use startTest() for a test without a mesh, or run the tests against a mesh of your own with serve({ registry })";
    throw new Error(`startMesh() needs the package ${meshPackage}, which is not installed here. ${hint}.`, { cause });
  }
}

function isStart(value: unknown): value is (options: MeshOptions) => Promise<Started> {
  return typeof value === "function";
}
