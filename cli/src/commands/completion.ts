import { Argument, Command } from "commander";
import { print } from "../output/output.ts";

export function completionCommand(): Command {
  return new Command("completion")
    .description("a script that completes mesh's commands and options")
    .addArgument(new Argument("<shell>", "your shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
Examples:
  source <(mesh completion bash)         # bash: also in ~/.bashrc
  source <(mesh completion zsh)          # zsh: also in ~/.zshrc, after compinit
  mesh completion fish | source`,
    )
    .action((shell: string, _options: unknown, command: Command) => {
      print(...completion(shell, wordsOf(command.parent ?? command)));
    });
}

interface Words {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly { readonly long: string; readonly description: string }[];
}

function wordsOf(program: Command): Words[] {
  return program.commands
    .filter((command) => !isHidden(command))
    .map((command) => ({
      name: command.name(),
      description: command.description(),
      flags: [...command.options, { long: "--help", description: "display help for command" }].flatMap((option) =>
        option.long ? [{ long: option.long, description: option.description }] : [],
      ),
    }));
}

/** Commander keeps this to itself, and shows it in what help lists. */
function isHidden(command: Command): boolean {
  return command.parent ? !command.parent.createHelp().visibleCommands(command.parent).includes(command) : false;
}

/** The script as lines. */
export function completion(shell: string, commands: readonly Words[]): string[] {
  if (shell === "fish") return fish(commands);
  return shell === "zsh" ? ["autoload -U +X bashcompinit && bashcompinit", ...bash(commands)] : bash(commands);
}

// Placeholders of the shell, split so that they do not read as those of a template literal.
const CURRENT = "$" + "{COMP_WORDS[COMP_CWORD]}";
const COMMAND = "$" + "{COMP_WORDS[1]}";

function bash(commands: readonly Words[]): string[] {
  return [
    "_mesh() {",
    `  local word="${CURRENT}" words`,
    `  case "$COMP_CWORD:${COMMAND}" in`,
    `    1:*) words="${commands.map((each) => each.name).join(" ")} --help --version" ;;`,
    ...commands.map((each) => `    *:${each.name}) words="${each.flags.map((flag) => flag.long).join(" ")}" ;;`),
    "    *) words= ;;",
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    "complete -o default -F _mesh mesh",
  ];
}

function fish(commands: readonly Words[]): string[] {
  const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  return commands.flatMap((each) => [
    `complete -c mesh -n __fish_use_subcommand -f -a ${each.name} -d ${quoted(each.description)}`,
    ...each.flags.map(
      (flag) =>
        `complete -c mesh -n '__fish_seen_subcommand_from ${each.name}' -l ${flag.long.slice(2)} -d ${quoted(flag.description)}`,
    ),
  ]);
}
