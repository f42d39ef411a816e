import { createRegistry, type DescFile, type Registry } from "@bufbuild/protobuf";
import { projectFiles, root } from "./sources.ts";

/** Everything that the protos of the mesh define, read from the generated code. */
export async function protoRegistry(): Promise<Registry> {
  const generated = projectFiles().filter((path) => /^proto\/gen\/mesh\/.*_pb\.ts$/.test(path));
  const modules = await Promise.all(
    generated.map((path) => import(new URL(path, `file://${root}`).href) as Promise<Readonly<Record<string, unknown>>>),
  );
  return createRegistry(...modules.flatMap((module) => Object.values(module).filter(isFile)));
}

function isFile(value: unknown): value is DescFile {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file";
}
