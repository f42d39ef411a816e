import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { BINARY_PACKAGES, findNode24 } from "../node24.mjs";

const quiet = { step: (_label, work) => work(() => undefined) };

describe("the Node that runs the project", () => {
  let folder = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "patchbay-node-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function program(path, text) {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  const find = (dirs, version = "20.20.2") =>
    findNode24({
      progress: quiet,
      version,
      execPath: "/this/node",
      env: { PATH: [...dirs, "/usr/bin", "/bin"].join(delimiter), MESH_STATE_DIR: join(folder, "state") },
    });

  it("is this one when it is new enough", async () => {
    assert.equal(await find([], "24.0.0"), "/this/node");
    assert.equal(await find([], "26.1.0"), "/this/node");
  });

  it("is one on PATH, past those that are too old", async () => {
    program(join(folder, "old", "node"), "echo v22.1.0");
    const node = program(join(folder, "new", "node"), "echo v24.3.0");
    assert.equal(await find([join(folder, "old"), join(folder, "new")]), node);
  });

  /** A PATH with nothing newer than this npm: it lays down the package that it is asked for, with this hash in its record. */
  function machineWithNpm(integrity) {
    const tools = join(folder, "tools");
    program(join(tools, "node"), "echo v18.0.0");
    const install = `for last; do :; done
name=\${last%@*}
mkdir -p "$3/node_modules/$name/bin"
printf '{"packages":{"node_modules/%s":{"integrity":"%s"}}}' "$name" "${integrity}" > "$3/node_modules/.package-lock.json"
printf '#!/bin/sh\\necho v24.21.0; echo ran >> ${join(folder, "ran")}\\n' > "$3/node_modules/$name/bin/node"
chmod 755 "$3/node_modules/$name/bin/node"`;
    program(join(tools, "npm"), install);
    return tools;
  }

  it("is installed by npm into the state folder otherwise, and found there the next time", async () => {
    const tools = machineWithNpm(BINARY_PACKAGES[`${process.platform}-${process.arch}`].integrity);
    const first = await find([tools]);
    assert.ok(first.startsWith(join(folder, "state", "tools", "node-24")), first);
    program(join(tools, "npm"), "exit 1");
    assert.equal(await find([tools]), first);
  });

  it("is neither run nor kept when the registry serves other bytes than those that were chosen", async () => {
    const tools = machineWithNpm("sha512-somethingelse");
    await assert.rejects(
      find([tools]),
      /served node-\S+ as sha512-somethingelse, but it should be sha512-.*it was not run/s,
    );
    assert.equal(existsSync(join(folder, "ran")), false);
    assert.equal(existsSync(join(folder, "state", "tools", "node-24")), false);
  });

  it("that cannot be had ends with the reason and what to install", async () => {
    const tools = join(folder, "tools");
    program(join(tools, "node"), "echo v18.0.0");
    program(join(tools, "npm"), "echo npm error network >&2; exit 1");
    await assert.rejects(
      find([tools]),
      /Node 24 or newer; this machine has 20\.20\.2.*error network.*Install Node 24/s,
    );
  });
});
