import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "@patchbay/model";

/** This package's version, such as `"0.1.0"`. */
export const sdkVersion: string = readVersion();

/** How the SDK names itself to the registry, such as `"mesh-sdk/0.1.0"`. */
export const sdkName = `mesh-sdk/${sdkVersion}`;

/** `src/` and `dist/` lie beside the same package.json. */
function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"));
  return isRecord(manifest) && typeof manifest.version === "string" ? manifest.version : "0.0.0";
}
