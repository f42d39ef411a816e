import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mesh } from "../../src/index.ts";

/** Writes a resource file of the mesh as an editor would: the whole text at once. */
export async function save(mesh: Mesh, name: string, text: string): Promise<void> {
  const dir = join(mesh.stateDir, "resources");
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, `${name}.yaml`), text);
}

export function unsave(mesh: Mesh, name: string): Promise<void> {
  return rm(join(mesh.stateDir, "resources", `${name}.yaml`));
}

const head = (kind: string, name: string): string =>
  `apiVersion: patchbay.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: ${name} }\n`;

/** Nobody of these namespaces may call anything in "default". */
export function denyFrom(name: string, ...namespaces: readonly string[]): string {
  return `${head("AuthorizationPolicy", name)}spec: { action: Deny, rules: [{ from: [{ namespaces: [${namespaces.join(", ")}] }] }] }\n`;
}

/** So many requests an hour to that path of services, at each of their proxies. */
export function limitOf(services: readonly string[], path: string, requests: number): string {
  const refs = services.map((service) => `{ kind: Service, name: ${service} }`);
  return `${head("RateLimitPolicy", "few")}spec:
  targetRefs: [${refs.join(", ")}]
  limits: [{ name: few, to: [{ paths: [${JSON.stringify(path)}] }], requests: ${requests}, per: 1h }]
`;
}

/** A plugin decides about each request to a service. */
export function askPlugin(service: string, plugin: string, failurePolicy: "Open" | "Closed"): string {
  return `${head("AuthorizationPolicy", `${service}-asks`)}spec:
  targetRefs: [{ kind: Service, name: ${service} }]
  action: Plugin
  plugin: { name: ${plugin}, failurePolicy: ${failurePolicy} }
`;
}

/** Requests to a service go to it, and so many of a hundred to "SERVICE-next". */
export function canaryOf(service: string, next: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${service}-canary }
spec:
  parentRefs: [{ kind: Service, name: ${service} }]
  rules:
    - backendRefs:
        - { name: ${service}, port: 80, weight: ${100 - next} }
        - { name: ${service}-next, port: 80, weight: ${next} }
`;
}
