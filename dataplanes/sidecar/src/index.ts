export { startSidecar } from "./app.ts";
export { captureEnvironment } from "./core/capture-environment.ts";
export { createProxy } from "./proxy/proxy.ts";
export type { HostPort, LocalPort, ProxyOptions, SidecarProxy } from "./proxy/proxy-options.ts";
export * from "./run/index.ts";
export type { ProgramReadiness, Sidecar, SidecarOptions, SidecarStats } from "./sidecar.ts";
