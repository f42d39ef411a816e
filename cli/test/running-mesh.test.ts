import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, freePort } from "@patchbay/testkit";
import { type Mesh, startMesh } from "@patchbay/up";
import { meshCommand } from "./support/mesh-command.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.mjs`, import.meta.url));

describe("commands against a running mesh", () => {
  let stateDir = "";
  let running: Mesh;
  let greeter: ChildProcess;
  let mesh: ReturnType<typeof meshCommand>;

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "patchbay-cli-"));
    running = await startMesh({ stateDir });
    const port = String(await freePort());
    mesh = meshCommand(stateDir, { PORT: port });
    greeter = mesh.start("run", "--service", "greeter", "--port", port, "--", process.execPath, fixture("greeter"));
    await eventually("greeter has an endpoint", async () => (await mesh.run("endpoints", "greeter")).code === 0);
    const urls = ["http://greeter/a", "http://greeter/a", "http://greeter/fail"];
    const called = await mesh.run("run", "--", process.execPath, fixture("caller"), ...urls);
    assert.equal(called.stdout, "200\n200\n500\n", called.stderr);
    await eventually("the requests are reported", async () => (await stat()).rows.length > 0);
  });
  after(async () => {
    greeter.kill("SIGTERM");
    await once(greeter, "exit");
    await running.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  const json = async (...args: string[]) => {
    const { stdout, stderr } = await mesh.run(...args, "-o", "json");
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout);
  };
  const stat = (...args: string[]) => json("stat", "--to", "greeter", ...args);

  it("check finds all well, as text and for scripts", async () => {
    const { code, stdout } = await mesh.run("check", "--wait", "20s");
    assert.equal(code, 0, stdout);
    const { ok, checks } = await json("check");
    assert.equal(ok, true);
    for (const name of [
      "state folder",
      "registry",
      "identity",
      "destination",
      "telemetry",
      "certificates",
      "nats accounts",
      "jetstream",
      "event streams",
      "sidecars",
      "plugins",
    ]) {
      const found = checks.find((each: { component: string }) => each.component === name);
      assert.deepEqual(Object.keys(found ?? {}), ["component", "ok", "detail", "hint"], name);
    }
  });

  it("stat for scripts has the documented shape", async () => {
    const answer = await stat();
    assert.deepEqual(Object.keys(answer), ["window", "asOf", "partial", "rows"]);
    const [row] = answer.rows;
    assert.deepEqual(Object.keys(row), [
      "source",
      "target",
      "route",
      "backend",
      "requests",
      "successRate",
      "rps",
      "latencyMs",
    ]);
    assert.deepEqual(Object.keys(row.latencyMs), ["p50", "p95", "p99"]);
    assert.equal(row.target, "greeter");
    assert.equal(row.requests, 3);
    assert.ok(Math.abs(row.successRate - 2 / 3) < 1e-9);
  });

  it("stat --routes finds the route that fails", async () => {
    const { rows } = await stat("--routes");
    const bad = rows.filter((row: { successRate: number }) => row.successRate < 1);
    assert.deepEqual(
      bad.map((row: { route: string }) => row.route),
      ["GET /fail"],
    );
    const { stdout } = await mesh.run("stat", "--routes");
    assert.match(stdout, /GET \/fail +0\.0%/);
  });

  it("stat --by backend names who was chosen", async () => {
    const { rows } = await stat("--by", "backend");
    assert.deepEqual(
      rows.map(({ target, backend }: { target: string; backend: string }) => [target, backend]),
      [["greeter", "greeter"]],
    );
    assert.match((await mesh.run("stat", "--by", "backend")).stdout, /SOURCE +TARGET +BACKEND/);
    assert.deepEqual((await stat("--backend", "nobody")).rows, []);
  });

  it("stat --health has a documented shape, and says of a filter that nothing fits it what to do", async () => {
    const answer = await json("stat", "--health");
    assert.deepEqual(Object.keys(answer), ["window", "asOf", "partial", "targets", "decisions"]);
    const { stdout } = await mesh.run("stat", "--health", "nobody");
    assert.match(stdout, /No sidecar used a target to nobody in the last 1m.*without a filter/s);
    assert.match(stdout, /No policy decided anything to nobody.*mesh policy status/s);
    const { code, stderr } = await mesh.run("stat", "--health", "--routes");
    assert.equal(code, 2, stderr);
  });

  it("streams are one object a line", async () => {
    for (const args of [
      ["stat", "--watch"],
      ["stat", "--health", "--watch"],
      ["endpoints", "greeter", "--watch"],
      ["events", "--since", "1m", "--follow"],
    ]) {
      const child = mesh.start(...args, "-o", "json");
      let text = "";
      child.stdout.on("data", (chunk) => {
        text += String(chunk);
      });
      await eventually(`${args.join(" ")} prints a line`, () => text.includes("\n"));
      child.kill("SIGINT");
      const [code] = await once(child, "close");
      assert.equal(code, 0, args.join(" "));
      for (const line of text.trim().split("\n")) assert.equal(typeof JSON.parse(line), "object");
    }
  });

  it("tap shows requests as they come, with both ends and the answer, until there are as many as asked for", async () => {
    const text = mesh.start("tap", "greeter", "--status", "5xx", "-n", "1");
    const lines = mesh.start("tap", "greeter", "-n", "2", "-o", "json", "--show-headers", "host,authorization");
    const [said, shown, objects] = [text.stderr, text.stdout, lines.stdout].map(collected);
    await eventually("it looks", () => /looking at 1 proxy of servers/.test(said?.() ?? ""));
    const urls = ["http://greeter/a", "http://greeter/fail"];
    const ended = Promise.all([once(text, "close"), once(lines, "close")]);
    assert.equal((await mesh.run("run", "--", process.execPath, fixture("caller"), ...urls)).stdout, "200\n500\n");
    assert.deepEqual(await ended, [
      [0, null],
      [0, null],
    ]);
    assert.match(shown?.() ?? "", /^[\d:.]{12} node -> greeter GET \/fail +500 +\S+ms 0B>6B$/m);
    assert.match(said?.() ?? "", /1 request in /);
    const requests = (objects?.() ?? "")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      requests.map(({ path, status }) => [path, status]),
      [
        ["/a", 200],
        ["/fail", 500],
      ],
    );
    assert.deepEqual(Object.keys(requests[0]), TAP_KEYS);
  });

  it("tap shows where an expression is wrong, and which service may have been meant", async () => {
    const wrong = await mesh.run("tap", "greeter", "--where", "true && response.cod >= 500");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, / {2}true && response\.cod >= 500\n {10}\^\nDid you mean response\.code\?/);
    const unknown = await mesh.run("tap", "greter");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no service greter: .*"greeter"/);
    for (const args of [
      ["--header", "cookie:a=b"],
      ["--for", "2h"],
    ])
      assert.equal((await mesh.run("tap", "greeter", ...args)).code, 2, args.join(" "));
  });

  it("a tap that is killed leaves a line that says who has looked at what", async () => {
    const tap = mesh.start("tap", "greeter", "--path", "/killed");
    const said = collected(tap.stderr);
    await eventually("it looks", () => said().includes("looking at"));
    tap.kill("SIGKILL");
    await eventually("it is written", async () =>
      /path=\/killed.*the caller went away/.test((await mesh.run("logs", "tap", "-o", "json")).stdout),
    );
  });

  it("explain gives the answer that proxies hold", async () => {
    const held = await json("endpoints", "greeter");
    const { resolution, steps } = await json("explain", "greeter");
    assert.deepEqual(resolution, held);
    assert.equal(steps.find((step: { effect: string }) => step.effect === "stop").resolver, "workloads");
    const { stdout } = await mesh.run("explain", "greeter");
    assert.match(stdout, /workloads +1 endpoint .*stop/);
  });

  it("an address that was copied from a browser or a log names its server", async () => {
    const { code, stdout } = await mesh.run("endpoints", "http://greeter/a?b=c");
    assert.equal(code, 0, stdout);
  });

  it("a name that nobody serves makes exit code 1", async () => {
    assert.equal((await mesh.run("endpoints", "nobody")).code, 1);
    assert.equal((await mesh.run("explain", "nobody")).code, 1);
  });

  it("plugins for scripts has rows, also when there are none", async () => {
    assert.deepEqual(await json("plugins"), { rows: [] });
    assert.equal((await mesh.run("plugins", "nobody")).code, 1);
  });

  it("events show the reports of the sidecars", async () => {
    const { stdout } = await mesh.run("events", "--class", "report", "--since", "5m", "-o", "json");
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.ok(events.some((event) => event.data.rows.some((row: { status: number }) => row.status === 500)));
    assert.deepEqual(Object.keys(events[0]), ["class", "id", "type", "source", "time", "subject", "sequence", "data"]);
  });

  it("logs for scripts are JSON in every line, also where a program wrote plain text", async () => {
    const lines = (await mesh.run("logs", "-o", "json")).stdout.trim().split("\n");
    assert.ok(lines.some((line) => /Server is ready/.test(JSON.parse(line).msg)));
  });

  it("check says which resource file cannot be used, and why", async () => {
    const file = join(stateDir, "resources", "legacy.yaml");
    await writeFile(file, "apiVersion: patchbay.dev/v1alpha1\nkind: StaticServic\n");
    const wrong = () => mesh.run("check").then(({ stdout }) => stdout.replaceAll(/\s+/g, " "));
    await eventually("the file has been read", async () =>
      /FAIL resources .*legacy\.yaml:2: unknown kind/.test(await wrong()),
    );
    assert.equal((await wrong()).split("unknown kind").length, 2, "once");
    await rm(file);
    const { code, stdout } = await mesh.run("check", "--wait", "20s");
    assert.equal(code, 0);
    assert.match(stdout, /single,\s+development/);
  });

  it("stat says of a filter that nothing fits it", async () => {
    assert.match((await mesh.run("stat", "--from", "nobody")).stdout, /No requests from nobody in the last 1m/);
  });

  it("logs show components, and name those that exist", async () => {
    assert.match((await mesh.run("logs", "nats-server")).stdout, /Server is ready/);
    assert.match((await mesh.run("logs", "registry")).stdout, /holds leases/);
    assert.match((await mesh.run("logs", "nobody")).stderr, /mesh, nats-server, policy, registry/);
  });

  it("text fits 80 columns and has no colours without a terminal", async () => {
    for (const args of [
      ["check"],
      ["stat"],
      ["stat", "-r"],
      ["stat", "--health"],
      ["endpoints", "greeter"],
      ["explain", "greeter"],
      ["plugins"],
      ["events"],
    ]) {
      const { stdout } = await mesh.run(...args);
      assert.ok(!stdout.includes("\x1b"), args.join(" "));
      for (const line of stdout.split("\n")) assert.ok(line.length <= 80, `${args.join(" ")}: ${line}`);
    }
  });

  it("run gives the program's exit code", async () => {
    assert.equal((await mesh.run("run", "--", process.execPath, "-e", "process.exit(7)")).code, 7);
    assert.equal((await mesh.run("run", "--", "no-such-program")).code, 127);
    assert.equal((await mesh.run("run", "--service", "x", "--", "true")).code, 2);
  });

  it("up beside it says who is running, and clean refuses", async () => {
    const { code, stderr } = await mesh.run("up");
    assert.equal(code, 1);
    assert.ok(stderr.includes(String(process.pid)) && stderr.includes(running.address));
    assert.match((await mesh.run("clean", "--yes")).stderr, /mesh down/);
  });
});

describe("mesh up", () => {
  it("says where it is, is stopped by mesh down, and ends with 0", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-cli-"));
    const mesh = meshCommand(stateDir);
    const up = mesh.start("up", "-o", "json");
    const [line] = await once(up.stdout, "data");
    const { address, token, services } = JSON.parse(String(line));
    assert.deepEqual(
      services.map((each: { name: string }) => each.name),
      ["registry", "identity", "destination", "tap", "policy", "telemetry"],
    );
    const metrics = await fetch(`${address}/metrics?token=${token}`);
    assert.equal(metrics.status, 200);
    await metrics.text();
    const checked = await mesh.run("check", "--wait", "20s");
    assert.equal(checked.code, 0, checked.stdout);
    const exited = once(up, "exit");
    assert.equal((await mesh.run("down")).code, 0);
    assert.deepEqual(await exited, [0, null]);
    await rm(stateDir, { recursive: true });
  });

  it("drains when its reader has gone away", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-cli-"));
    const up = meshCommand(stateDir).start("up");
    up.stdout.destroy();
    let steps = "";
    up.stderr.setEncoding("utf8").on("data", (text: string) => {
      steps += text;
    });
    assert.deepEqual(await once(up, "close"), [0, null]);
    assert.match(steps, /stopping/);
    await rm(stateDir, { recursive: true });
  });

  it("--for stops by itself", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-cli-"));
    const { code, stdout } = await meshCommand(stateDir).run("up", "--for", "200ms");
    assert.equal(code, 0);
    assert.match(stdout, /The mesh is up.*token=/s);
    await rm(stateDir, { recursive: true });
  });
});

/** What `tap -o json` says of each request, in its order. */
const TAP_KEYS = [
  "id",
  "proxy",
  "inbound",
  "source",
  "target",
  "started",
  "method",
  "authority",
  "path",
  "route",
  "protocol",
  "open",
  "status",
  "grpcStatus",
  "latencyMs",
  "requestBytes",
  "responseBytes",
  "tls",
  "attempts",
  "error",
  "policy",
  "traceId",
  "requestHeaders",
  "responseHeaders",
];

/** What a stream has brought so far. */
function collected(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
