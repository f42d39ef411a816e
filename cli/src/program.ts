import { Command } from "commander";
import { version } from "./version.ts";

/** What `npm start` runs; a person has no use for it outside the clone. */
const HIDDEN: ReadonlySet<string> = new Set(["demo"]);

/** Each command by its name, loaded when it is needed: a command line that asks for one starts in half the time. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import("./commands/up.ts")).upCommand(),
  down: async () => (await import("./commands/down.ts")).downCommand(),
  run: async () => (await import("./commands/run.ts")).runCommand(),
  stat: async () => (await import("./commands/stat/stat.ts")).statCommand(),
  tap: async () => (await import("./commands/tap/tap.ts")).tapCommand(),
  endpoints: async () => (await import("./commands/endpoints.ts")).endpointsCommand(),
  explain: async () => (await import("./commands/explain/explain.ts")).explainCommand(),
  policy: async () => (await import("./commands/policy/policy.ts")).policyCommand(),
  slo: async () => (await import("./commands/slo/slo.ts")).sloCommand(),
  plugins: async () => (await import("./commands/plugins/plugins.ts")).pluginsCommand(),
  events: async () => (await import("./commands/events/events.ts")).eventsCommand(),
  check: async () => (await import("./commands/check/check.ts")).checkCommand(),
  logs: async () => (await import("./commands/logs/logs.ts")).logsCommand(),
  "nats-config": async () => (await import("./commands/nats-config.ts")).natsConfigCommand(),
  clean: async () => (await import("./commands/clean.ts")).cleanCommand(),
  completion: async () => (await import("./commands/completion.ts")).completionCommand(),
  version: async () => (await import("./commands/version.ts")).versionCommand(),
  demo: async () => (await import("./commands/demo.ts")).demoCommand(),
};

/** The command line of `mesh`, before it is given arguments: with all commands, or only the one that is asked for. */
export async function createProgram(only?: string): Promise<Command> {
  const program = new Command("mesh")
    .description("Patchbay: a service mesh that you extend by dropping in a small gRPC service")
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError(helpHint("mesh"))
    .addHelpText("after", `\n${AFTER}`);
  const wanted = Object.entries(commands).filter(([name]) => only === undefined || name === only);
  for (const [name, load] of wanted) {
    // addCommand, unlike command(), leaves inheriting to us.
    const command = (await load()).copyInheritedSettings(program).showHelpAfterError(helpHint(`mesh ${name}`));
    program.addCommand(command, { hidden: HIDDEN.has(name) });
  }
  return program;
}

function helpHint(command: string): string {
  return `(${command} --help shows how)`;
}

/** The command that these arguments ask for, when it needs no other to be known. */
export function commandIn(args: readonly string[]): string | undefined {
  const [first = ""] = args;
  return first in commands && first !== "completion" ? first : undefined;
}

const AFTER = `Examples:
  mesh up
  mesh run --service greeter --port 7001 -- node server.js
  mesh stat

Exit codes: 0 all is well, 1 a failure was found or it could not be done, 2 the
command line cannot be understood, 3 no mesh is running.
Colours only on a terminal, never with NO_COLOR. Scripts use -o json.`;
