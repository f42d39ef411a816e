import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { type LocalPortText, parseLocalPort, RunError, runProgram } from "@patchbay/sidecar/run";
import { Command, InvalidArgumentError } from "commander";
import { CliError, exitCodes } from "../errors.ts";
import { parsePort } from "../parse-options.ts";

interface RunOptions {
  readonly service?: string;
  readonly port?: number;
  readonly health?: string;
  readonly namespace: string;
  readonly listen?: readonly LocalPortText[];
  readonly verbose?: true;
}

export function runCommand(): Command {
  return new Command("run")
    .description("run any program inside the mesh, with a sidecar beside it")
    .argument("<command...>", "the program and its arguments, after --")
    .option("-s, --service <name>", "the name under which others reach it")
    .option("-p, --port <port>", "where it listens; needed with --service", (text) => parsePort(text))
    .option("--health <path>", "path that answers 2xx when it is ready (default: its port accepts)")
    .option("-n, --namespace <name>", "namespace of the service", DEFAULT_NAMESPACE)
    .option("-l, --listen <port=authority>", "local port for programs that know no proxy; repeatable", addListen)
    .option("-v, --verbose", "say each step on standard error")
    .passThroughOptions()
    .addHelpText(
      "after",
      `
Examples:
  mesh run --service greeter --port 7001 -- node server.js
  mesh run -- curl http://greeter/
  mesh run --listen 5432=postgres:5432 -- psql -h 127.0.0.1

Its outbound calls go through the sidecar by the usual proxy variables, without
a change to its code. Ctrl-C or SIGTERM deregisters, waits until clients know,
drains, then stops the program. The exit code is the program's; 2 when the
request cannot be meant, 3 when no mesh is running.`,
    )
    .action(run);
}

async function run([command = "", ...args]: string[], options: RunOptions): Promise<void> {
  const { service, port, health, namespace, listen = [] } = options;
  try {
    process.exitCode = await runProgram({
      command,
      args,
      namespace,
      listens: listen,
      ...(service === undefined ? {} : { service }),
      ...(port === undefined ? {} : { port }),
      ...(health === undefined ? {} : { health }),
      ...(options.verbose ? { note: (text: string) => void process.stderr.write(`mesh run: ${text}\n`) } : {}),
    });
  } catch (error) {
    if (error instanceof RunError) throw new CliError(error.message, codeOf(error));
    throw error;
  }
}

function codeOf({ code }: RunError): number {
  if (code === "usage") return exitCodes.usage;
  return code === "no-mesh" ? exitCodes.noMesh : exitCodes.failure;
}

function addListen(text: string, before: readonly LocalPortText[] = []): readonly LocalPortText[] {
  const parsed = parseLocalPort(text);
  if (parsed) return [...before, parsed];
  throw new InvalidArgumentError("Write it as PORT=AUTHORITY, such as 5432=postgres:5432.");
}
