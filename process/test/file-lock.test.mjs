import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";

const fileLock = new URL("../src/file-lock.mjs", import.meta.url).href;

/** Each holds the lock while it counts one up in a file; an overlap loses a count and is noted. */
const racer = `
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { withFileLock } from "${fileLock}";
const [lock, count] = process.argv.slice(-2);
await withFileLock(lock, async () => {
  writeFileSync(count + ".inside", "", { flag: "wx" });
  const seen = Number(readFileSync(count, "utf8"));
  await sleep(5);
  writeFileSync(count, String(seen + 1));
  rmSync(count + ".inside");
}, { pollMs: 1 });
`;

describe("a file lock", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "patchbay-lock-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [what, left] of [
    ["a process that is gone", "99999999\n"],
    ["nobody, as its process died before it wrote", ""],
  ])
    it(`of ${what} is taken over by one process at a time`, async () => {
      const lock = join(folder, "lock");
      const count = join(folder, "count");
      writeFileSync(lock, left);
      writeFileSync(`${lock}.next`, left);
      writeFileSync(count, "0");
      const run = () => promisify(execFile)(process.execPath, ["--input-type=module", "-e", racer, lock, count]);
      await Promise.all(Array.from({ length: 8 }, run));
      assert.equal(readFileSync(count, "utf8"), "8");
      assert.deepEqual(readdirSync(folder), ["count"]);
    });
});
