import type { Authority } from "@patchbay/model";
import type { Endpoint } from "@patchbay/proto/mesh/common/v1/endpoint_pb";

/** A resolver's answer for an authority. Pending is not one of them: it means that there is none yet. */
export type Answer =
  /** Served by these, in canonical order; at least one. */
  | { readonly kind: "endpoints"; readonly endpoints: readonly Endpoint[] }
  /** Exists without endpoints: the chain stops. */
  | { readonly kind: "empty"; readonly detail?: string }
  /** Not mine: the next resolver is asked. */
  | { readonly kind: "absent"; readonly detail?: string }
  | { readonly kind: "failed"; readonly message: string }
  /** The chain starts again under another authority. */
  | { readonly kind: "rewrite"; readonly authority: Authority }
  /** The chain starts again under several; at least one, weights not all 0. */
  | { readonly kind: "split"; readonly targets: readonly Target[] };

export interface Target {
  readonly authority: Authority;
  readonly weight: number;
}

export function failed(message: string): Answer {
  return { kind: "failed", message };
}
