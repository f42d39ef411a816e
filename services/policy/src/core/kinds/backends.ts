import { create } from "@bufbuild/protobuf";
import { type Backend, BackendSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Path, problem, type SpecProblem } from "../problem.ts";
import { anything, list, object } from "../schema.ts";
import { authorityOf, checkServiceRef, type ServiceRef, serviceRefSchema } from "./targets.ts";

export interface BackendSpec extends ServiceRef {
  /** Relative share, from 0 to 1,000,000. Default 1. */
  readonly weight?: number;
  readonly filters?: unknown;
}

export const backendRefsSchema = list(
  object({ ...serviceRefSchema, weight: { type: "integer", minimum: 0, maximum: 1_000_000 }, filters: anything }, [
    "name",
  ]),
  16,
  0,
);

export function checkBackend(backend: BackendSpec, path: Path): readonly SpecProblem[] {
  const found = [...checkServiceRef(backend, path)];
  if (backend.filters !== undefined)
    found.push(problem([...path, "filters"], "are not supported for a single backend", "put them on the rule"));
  return found;
}

export function encodeBackend(backend: BackendSpec, namespace: string): Backend {
  return create(BackendSchema, { authority: authorityOf(backend, namespace), weight: backend.weight ?? 1 });
}
