// Builds the npm package `mesh-sdk`: `node sdk/scripts/build.mjs [folder]` writes its tarball, by default into this folder's dist/.
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { sdkTarball, tarballName } from "../src/pack/sdk-tarball.ts";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "..", "dist"));
mkdirSync(folder, { recursive: true });
const path = join(folder, tarballName);
writeFileSync(path, sdkTarball(join(folder, ".cache")));
process.stdout.write(`${path}\n`);
