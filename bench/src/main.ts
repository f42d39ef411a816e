import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** `npm run bench NAME`: runs bench/src/NAME.ts, whose `run` prints its table. Without a name: says which there are. */
const NOT_BENCHES = new Set(["main.ts", "harness.ts"]);

function names(): string[] {
  return readdirSync(fileURLToPath(new URL(".", import.meta.url)))
    .filter((file) => file.endsWith(".ts") && !NOT_BENCHES.has(file))
    .map((file) => file.slice(0, -".ts".length));
}

interface Bench {
  run(args: readonly string[]): Promise<void>;
}

const [name = "", ...args] = process.argv.slice(2);
if (names().includes(name)) {
  const bench = (await import(`./${name}.ts`)) as Bench;
  await bench.run(args);
} else {
  console.error(
    `${name === "" ? "Which bench?" : `There is no bench "${name}".`} npm run bench NAME, one of: ${names().join(", ")}`,
  );
  process.exitCode = 2;
}
