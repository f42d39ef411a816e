// `npm run generate`: TypeScript from the protos. `npm run generate -- --baseline` also cuts the baseline that `npm run check` compares them with.
import { execFileSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { root } from "./lib/sources.ts";

const bin = join(root, "node_modules", ".bin");
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` };
for (const folder of ["proto", "examples/demo"]) {
  execFileSync("buf", ["lint"], { cwd: join(root, folder), env, stdio: "inherit" });
  execFileSync("buf", ["generate"], { cwd: join(root, folder), env, stdio: "inherit" });
}
if (process.argv.includes("--baseline")) {
  execFileSync("buf", ["build", "--exclude-source-info", "-o", "baseline.binpb"], {
    cwd: join(root, "proto"),
    env,
    stdio: "inherit",
  });
}
