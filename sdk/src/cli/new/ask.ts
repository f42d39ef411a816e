import { createInterface } from "node:readline/promises";
import { CliError } from "../cli-error.ts";

/** Asks for a line of text in the terminal; without one says how to give it as an argument. */
export async function ask(question: string, example: string, usage: string): Promise<string> {
  return (await prompt(`${question} (such as ${example}): `, usage)).trim();
}

/** Asks for one of several choices, by number or name; an empty line takes the first. */
export async function choose(
  question: string,
  choices: Readonly<Record<string, string>>,
  usage: string,
): Promise<string> {
  const names = Object.keys(choices);
  const list = names.map((name, index) => `  ${index + 1}) ${name}: ${choices[name]}\n`).join("");
  const answer = (await prompt(`${question}\n${list}Number or name [1]: `, usage)).trim();
  return names[answer === "" ? 0 : Number(answer) - 1] ?? answer;
}

async function prompt(text: string, usage: string): Promise<string> {
  if (!process.stdin.isTTY) throw new CliError(`nobody is here to ask; say it on the command line: ${usage}`, 2);
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  reader.once("close", () => closed.abort());
  try {
    return await reader.question(text, { signal: closed.signal });
  } catch {
    throw new CliError("cancelled", 1);
  } finally {
    reader.close();
  }
}
