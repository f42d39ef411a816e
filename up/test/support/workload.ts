import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { readDevelopmentKey, spawnDieWithParent } from "@patchbay/process";
import { type Sidecar, type SidecarOptions, startSidecar } from "@patchbay/sidecar";
import { noLog } from "@patchbay/wire";
import type { Mesh } from "../../src/index.ts";

/** A program that answers "METHOD ID" to /ID after a moment, and remembers what it has been asked for. */
export interface Web extends AsyncDisposable {
  readonly port: number;
  /** Ids of POST requests in the order of their arrival; one that was executed twice is there twice. */
  readonly posted: readonly string[];
  served(): number;
}

export async function startWeb(delayMs = 10): Promise<Web> {
  const posted: string[] = [];
  let served = 0;
  const server = createServer((call, answer) => {
    const id = (call.url ?? "").slice(1);
    served += 1;
    if (call.method === "POST") posted.push(id);
    let body = "";
    call.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    const text = (): string => `${call.method} ${call.method === "POST" ? body : id}`;
    call.once("end", () => setTimeout(() => answer.end(text()), delayMs));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    posted,
    served: () => served,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A sidecar in this process, for a program that serves at `port`, or for one that only calls. */
export async function startSidecarHere(
  mesh: Mesh,
  name: string,
  options: Pick<SidecarOptions, "namespace" | "limits" | "environment" | "stateDir" | "defaultAuthorization"> & {
    readonly port?: number;
  } = {},
): Promise<Sidecar> {
  const { port, ...more } = options;
  const sidecar = await startSidecar({
    registry: mesh.address,
    key: await readDevelopmentKey(mesh.stateDir),
    name,
    ...(port === undefined ? {} : { app: { host: "127.0.0.1", port } }),
    ...more,
    log: noLog,
  });
  sidecar.setReadiness({ ready: true, reason: "" });
  return sidecar;
}

const sidecarMain = fileURLToPath(new URL("../../../dataplanes/sidecar/src/main.ts", import.meta.url));

/** A sidecar as a process of its own, which can be killed. */
export function spawnSidecar(
  mesh: Mesh,
  name: string,
  port: number,
): AsyncDisposable & { readonly child: ChildProcess } {
  const child = spawnDieWithParent(process.execPath, ["--disable-warning=ExperimentalWarning", sidecarMain], {
    env: {
      ...process.env,
      MESH_STATE_DIR: mesh.stateDir,
      MESH_REGISTRY: mesh.address,
      MESH_SERVICE: name,
      MESH_APP_PORT: String(port),
      MESH_LOG_LEVEL: "error",
    },
  });
  return { child, [Symbol.asyncDispose]: () => endOf(child, "SIGKILL") };
}

/** Signals a child and waits until it has ended. */
export async function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}
