// `npm run format`: format and safe fixes.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./lib/sources.ts";

execFileSync(join(root, "node_modules", ".bin", "biome"), ["check", "--write", "."], { cwd: root, stdio: "inherit" });
