import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { loaderArguments } from "./project.ts";

/** `mesh-sdk test`: the plugin's tests by Node's own runner. */
export function testCommand(): Command {
  return new Command("test")
    .description("run the plugin's tests")
    .argument("[files...]", "default: test/**/*.test.ts")
    .option("--watch", "run them again on every save")
    .action((files: string[], { watch }: { readonly watch?: boolean }) => run(files, watch ?? false));
}

function run(given: string[], watch: boolean): void {
  const files = given.length > 0 ? given : globSync(["test/**/*.test.{ts,js}", "src/**/*.test.{ts,js}"]).sort();
  if (files.length === 0) throw new CliError("there are no tests here: a test is a file such as test/plugin.test.ts");
  const args = [...loaderArguments(), "--test", ...(watch ? ["--watch"] : []), ...files];
  // Inside of a test Node's runner would take these for its own and skip them.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const { status, error } = spawnSync(process.execPath, args, { stdio: "inherit", env });
  if (error) throw new CliError(`Node cannot be run: ${error.message}`);
  process.exitCode = status ?? 1;
}
