export interface PluginChannelOptions {
  /** A silent connection is asked for a sign of life this often. */
  readonly pingMs: number;
  /** How long the sign may take. */
  readonly pingTimeoutMs: number;
  readonly maxMessageBytes: number;
}

/** Options of a grpc-js channel on which the core calls a plugin's hooks. */
export function pluginChannel({ pingMs, pingTimeoutMs, maxMessageBytes }: PluginChannelOptions) {
  return {
    // Without this even loopback calls would go to the proxy of the environment.
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    // A stopped process keeps its connection open: only pings notice.
    "grpc.keepalive_time_ms": pingMs,
    "grpc.keepalive_timeout_ms": pingTimeoutMs,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.max_receive_message_length": maxMessageBytes,
  };
}

/** Its name resolver has nothing to add about an address, and says so. */
const NO_NOTE = /\.? *Resolution note: *$/;
const MAX_REASON = 512;

/** What a grpc-js error says, for people. Connect servers encode every reserved character, and grpc-js decodes only some of them. */
export function pluginReason(details: string): string {
  return decoded(details).replace(NO_NOTE, "").slice(0, MAX_REASON);
}

function decoded(details: string): string {
  try {
    return decodeURIComponent(details);
  } catch {
    // A percent sign of the message's own.
    return details;
  }
}
