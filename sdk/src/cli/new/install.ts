import { spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";

/** Runs `npm install` in a new plugin's folder with a line of progress; true when it worked. */
export async function installPackages(folder: string): Promise<boolean> {
  process.stdout.write("\nInstalling its packages (npm install) ...");
  const began = performance.now();
  const { code, output } = await runNpm(folder);
  const took = ((performance.now() - began) / 1_000).toFixed(1);
  process.stdout.write(code === 0 ? ` done in ${took} s.\n` : ` failed.\n\n${output.trim()}\n\n`);
  return code === 0;
}

function runNpm(folder: string): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    const args = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    const child = spawn("npm", args, { cwd: folder, env: npmEnvironment(), shell: process.platform === "win32" });
    let output = "";
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-10_000);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", (error) => done({ code: 1, output: `npm cannot be run: ${error.message}` }));
    child.once("close", (code) => done({ code: code ?? 1, output }));
  });
}

/** npm of the Node that runs this, when it has one; without the variables of an npm that may be above. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)/i.test(name)),
  );
  return { ...env, PATH: [process.env.PATH ?? "", dirname(process.execPath)].join(delimiter) };
}
