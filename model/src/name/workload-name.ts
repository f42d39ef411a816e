/** As telemetry and people name a workload: its namespace is said only when it is not "default". */
export function workloadName({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === "default" || namespace === "" ? name : `${name}.${namespace}`;
}
