import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { processAlive } from "@patchbay/process";
import { eventually } from "@patchbay/testkit";
import { connectEvents } from "@patchbay/wire";
import { type Layout, layout } from "../src/layout.ts";
import { openLogFile } from "../src/log-file.ts";
import { findNatsServer } from "../src/nats/find.ts";
import { type RunningNats, startNats } from "../src/nats/start-nats.ts";
import { prepareState } from "../src/prepare-state.ts";

const fixture = fileURLToPath(new URL("fixtures/start-nats.ts", import.meta.url));

describe("the supervised nats-server", () => {
  let paths: Layout;
  let nats: RunningNats;

  before(async () => {
    paths = layout(await mkdtemp(join(tmpdir(), "patchbay-up-")));
    await prepareState(paths);
    nats = await start(paths);
  });
  after(async () => {
    await nats.stop();
    await rm(paths.dir, { recursive: true, force: true });
  });

  it("listens on loopback with JetStream, and knows the core by its seed", async () => {
    assert.match(nats.url, /^nats:\/\/127\.0\.0\.1:\d+$/);
    const bus = await connect(nats);
    assert.ok((await bus.admin().getAccountInfo()).limits);
    await bus.close();
  });

  it("comes back at the same address when it is killed", async () => {
    const pid = await nats.pid();
    assert.ok(pid);
    process.kill(pid, "SIGKILL");
    await eventually(async () => {
      const now = await nats.pid();
      return now !== undefined && now !== pid;
    });
    const bus = await connect(nats);
    await bus.close();
    assert.equal(nats.restarts(), 1);
  });

  it("ends with the process that started it, also when that is killed", async () => {
    const other = await mkdtemp(join(tmpdir(), "patchbay-up-"));
    const child = spawn(process.execPath, [fixture, other], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(child.stdout, "data");
    const pid = Number(String(line));
    assert.ok(processAlive(pid));
    child.kill("SIGKILL");
    await eventually(async () => !processAlive(pid));
    await rm(other, { recursive: true, force: true });
  });

  it("is gone after stop, and its log says what happened", async () => {
    const pid = await nats.pid();
    await nats.stop();
    assert.ok(pid && !processAlive(pid));
    assert.match(
      await readFile(join(paths.logs, "nats-server.log"), "utf8"),
      /Server is ready[\s\S]*ended \(SIGKILL\); starting it again/,
    );
  });
});

async function start(paths: Layout): Promise<RunningNats> {
  const server = await findNatsServer({ env: process.env, toolsDir: paths.tools });
  const log = openLogFile({ dir: paths.logs, name: "nats-server" });
  return startNats({ server, paths, env: process.env, log, signal: new AbortController().signal });
}

async function connect(nats: RunningNats) {
  const seed = (await readFile(nats.seedFile, "utf8")).trim();
  return connectEvents({ servers: [nats.url], name: "test", seed, signal: AbortSignal.timeout(5_000) });
}
