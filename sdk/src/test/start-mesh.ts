import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRecord } from "@patchbay/model";
import { stateDir as usersStateDir } from "@patchbay/process";
import type { Plugin } from "../public/plugin.ts";
import type { Served, ServeOptions } from "../public/serve.ts";
import type { MeshOptions, TestMesh } from "../public/test-kit.ts";

/** The package that brings the control plane; an optional peer, since few plugins need a whole mesh in their tests. */
const MESH_PACKAGE = "@patchbay/up";

interface Started {
  readonly address: string;
  stop(): Promise<void>;
}

type Start = (options: { readonly stateDir: string; readonly port: number }) => Promise<Started>;

/**
 * Starts a small real mesh (control plane and nats-server) with its own state folder.
 * Rejects with what to install when `@patchbay/up` is missing.
 */
export async function startMesh({ port = 0 }: MeshOptions = {}): Promise<TestMesh> {
  const start = await loadStart();
  const stateDir = await createStateDir();
  try {
    return new Mesh(await start({ stateDir, port }), stateDir);
  } catch (error) {
    await removeStateDir(stateDir);
    throw error;
  }
}

class Mesh implements TestMesh {
  readonly address: string;
  readonly stateDir: string;
  readonly #mesh: Started;
  readonly #served: Served[] = [];

  constructor(mesh: Started, stateDir: string) {
    this.#mesh = mesh;
    this.address = mesh.address;
    this.stateDir = stateDir;
  }

  async serve(plugin: Plugin, options: ServeOptions = {}): Promise<Served> {
    const { servePlugin } = await import("../serve/serve-plugin.ts");
    const env = { ...process.env, MESH_STATE_DIR: this.stateDir };
    const served = await servePlugin(plugin, { registry: this.address, signals: false, ...options }, env);
    this.#served.push(served);
    return served;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#served.map((served) => served.stop("the test is over")));
    await this.#mesh.stop();
    await removeStateDir(this.stateDir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Tools that the user's mesh has installed (a nats-server) serve this one too. */
async function createStateDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "mesh-sdk-"));
  const tools = join(usersStateDir(), "tools");
  if (existsSync(tools)) await symlink(tools, join(dir, "tools"));
  return dir;
}

async function removeStateDir(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
}

async function loadStart(): Promise<Start> {
  const loaded = await load();
  const start = isRecord(loaded) ? loaded.startMesh : undefined;
  if (isStart(start)) return start;
  throw new Error(`${MESH_PACKAGE} has no startMesh(): its version does not fit this version of mesh-sdk`);
}

async function load(): Promise<unknown> {
  try {
    return await import(MESH_PACKAGE);
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
    const hint = "Use startTest() for a test without a mesh, or serve({ registry }) against a mesh that runs";
    throw new Error(`startMesh() needs the package ${MESH_PACKAGE}, which is not installed here. ${hint}.`, { cause });
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
}

function isStart(value: unknown): value is Start {
  return typeof value === "function";
}
