import { dirname, join, normalize } from "node:path/posix";
import type { SyntaxFacts } from "./syntax.ts";

/** Which rooms' packages a room may import, by the first part of its path. The same room is always allowed. */
const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map([
  ["proto", []],
  ["model", ["proto"]],
  ["rules", ["proto", "model"]],
  ["wire", ["proto", "model"]],
  ["process", ["model"]],
  // The test kit may start a whole mesh when `up` is installed.
  ["sdk", ["proto", "model", "wire", "process", "up"]],
  ["plugins", ["sdk"]],
  ["runtime", ["proto", "model", "wire", "process"]],
  ["plugin-calls", ["proto", "model", "wire", "runtime"]],
  ["services", ["proto", "model", "rules", "wire", "process", "runtime", "plugin-calls"]],
  // What data planes share.
  ["dataplanes", ["proto", "model", "rules", "wire", "process", "runtime", "dataplanes/client"]],
  ["up", ["proto", "model", "rules", "wire", "process", "runtime", "services", "dataplanes"]],
  ["cli", ["proto", "model", "rules", "wire", "process", "runtime", "services", "dataplanes", "up", "examples"]],
  ["testkit", ["proto", "model", "wire", "process", "runtime"]],
  ["examples", []],
  ["scripts", []],
]);

const ROOMS: ReadonlyMap<string, string> = new Map([
  ["@patchbay/proto", "proto"],
  ["@patchbay/model", "model"],
  ["@patchbay/rules", "rules"],
  ["@patchbay/wire", "wire"],
  ["@patchbay/process", "process"],
  ["@patchbay/runtime", "runtime"],
  ["@patchbay/plugin-calls", "plugin-calls"],
  ["@patchbay/testkit", "testkit"],
  ["@patchbay/registry", "services/registry"],
  ["@patchbay/identity", "services/identity"],
  ["@patchbay/destination", "services/destination"],
  ["@patchbay/telemetry", "services/telemetry"],
  ["@patchbay/tap", "services/tap"],
  ["@patchbay/policy", "services/policy"],
  ["@patchbay/dataplane-client", "dataplanes/client"],
  ["@patchbay/sidecar", "dataplanes/sidecar"],
  ["@patchbay/up", "up"],
  ["@patchbay/cli", "cli"],
  ["@patchbay/ratelimit-global", "plugins/ratelimit-global"],
  ["@patchbay/demo", "examples/demo"],
  ["mesh-sdk", "sdk"],
]);

/** What pure code may use of other packages: nothing that does I/O. Of node:net that is BlockList and isIP. */
const CORE_MAY_IMPORT = /^(@patchbay\/(proto\/|model$|rules$)|@bufbuild\/(protobuf|cel|re2)(\/|$)|node:(util|net)$)/;

/** Breaks of the rule, one sentence each. Tests and benches may start whatever they need. */
export function dependencyBreaks(files: readonly SyntaxFacts[]): readonly string[] {
  return files.flatMap((file) => file.imports.flatMap((specifier) => breaks(file.path, specifier)));
}

function breaks(path: string, specifier: string): readonly string[] {
  const room = roomOf(path);
  const target = specifier.startsWith(".") ? roomOf(normalize(join(dirname(path), specifier))) : packageRoom(specifier);
  const found: string[] = [];
  if (target !== undefined && target !== room && !mayImport(room, target))
    found.push(`${path}: ${room} may not import ${target} (${specifier})`);
  if (specifier.startsWith(".") && target !== room)
    found.push(`${path}: reaches into ${target} by path; import its package`);
  if (isCore(path) && !coreAllowed(path, specifier)) found.push(`${path}: pure code may not import ${specifier}`);
  return found;
}

function roomOf(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return ["services", "dataplanes", "examples", "plugins"].includes(first) ? `${first}/${second}` : first;
}

function packageRoom(specifier: string): string | undefined {
  const name = specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : (specifier.split("/")[0] ?? "");
  return ROOMS.get(name);
}

function mayImport(room: string, target: string): boolean {
  const [from = ""] = room.split("/");
  const [to = ""] = target.split("/");
  const targets = ALLOWED.get(from) ?? [];
  return from === "bench" || targets.includes(to) || targets.includes(target);
}

/** Rooms without I/O, clock or timers. */
function isCore(path: string): boolean {
  return /^((services|dataplanes)\/[^/]+\/src\/core|rules\/src|model\/src)\//.test(path);
}

function coreAllowed(path: string, specifier: string): boolean {
  if (!specifier.startsWith(".")) return CORE_MAY_IMPORT.test(specifier);
  return isCore(normalize(join(dirname(path), specifier)));
}

/** Circles of imports among files, each as a path back to its start. */
export function importCircles(files: readonly SyntaxFacts[]): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) return void circles.push([...trail.slice(at), path].join(" -> "));
    if (done.has(path)) return;
    for (const next of localImports(byPath.get(path))) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) walk(path, []);
  return circles;
}

function localImports(file: SyntaxFacts | undefined): readonly string[] {
  if (!file) return [];
  return file.imports
    .filter((specifier) => specifier.startsWith("."))
    .map((one) => normalize(join(dirname(file.path), one)));
}
