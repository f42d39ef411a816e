export {
  type ProgramReadiness,
  SETTLE_MS,
  type Sidecar,
  type SidecarOptions,
  type SidecarStats,
  startSidecar,
} from "./app.ts";
export { captureEnvironment } from "./core/capture-environment.ts";
export { createProxy } from "./proxy/proxy.ts";
export type { HostPort, LocalPort, ProxyOptions, SidecarProxy } from "./proxy/proxy-options.ts";
export * from "./run/index.ts";
