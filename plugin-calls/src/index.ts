export type { CallUnary, UnaryCall } from "./call/call-unary.ts";
export type { FailoverStream } from "./call/failover-stream.ts";
export { createGate, type Gate } from "./call/gate.ts";
export { createPluginChannel, type PluginChannel, type PluginChannelOptions } from "./channel/plugin-channel.ts";
export type { GrantedHook } from "./directory/granted-hook.ts";
export type { InstanceUse } from "./directory/instance-use.ts";
export type { HookedPlugin, PluginDirectory } from "./directory/plugin-directory.ts";
export type { PluginInstance } from "./directory/plugin-instance.ts";
export { hookProof } from "./directory/proof.ts";
export {
  type CallsContext,
  createPluginCalls,
  type PluginCalls,
  type StreamOptions,
} from "./plugin-calls.ts";
