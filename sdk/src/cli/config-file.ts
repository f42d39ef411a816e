import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CliError } from "./cli-error.ts";

/** Configuration from a JSON file, for running without a mesh that grants any. Undefined without a file. */
export function readConfigFile(path: string | undefined): unknown {
  if (path === undefined) return undefined;
  try {
    const config: unknown = JSON.parse(readFileSync(resolve(path), "utf8"));
    return config;
  } catch (error) {
    throw new CliError(
      `the configuration in ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
