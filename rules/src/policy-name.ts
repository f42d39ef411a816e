import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";

/** "AuthorizationPolicy production/no-staging". */
export function policyName(ref: PolicyRef | undefined): string {
  return ref === undefined ? "a policy without name" : `${ref.kind} ${ref.namespace}/${ref.name}`;
}

/** Sorted by name: decisions and explanations must not depend on the order in which policies arrive. */
export function inOrder<P extends { readonly ref?: PolicyRef | undefined }>(policies: readonly P[]): readonly P[] {
  const named = policies.map((policy) => ({ policy, name: policyName(policy.ref) }));
  return named.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name))).map(({ policy }) => policy);
}
