import { API_PREFIX } from "../core/plugins/plugin-access.ts";

export interface NatsConfigOptions {
  /** Public key of the core's user ("U…"). */
  readonly coreUser: string;
  /** Public key of the user that answers the auth callout ("U…"). */
  readonly calloutUser: string;
  /** Public key that signs the callout's answers ("A…"). */
  readonly issuer: string;
  /** Folder of JetStream's files. Unset: leave JetStream's settings to the server's own configuration. */
  readonly storeDir?: string;
  /** -1: any free port. Unset: leave listening to the server's own configuration. */
  readonly port?: number;
  /** Default: loopback. */
  readonly host?: string;
  /** Bytes on disk for all streams. Default 4 GiB. */
  readonly maxStoreBytes?: number;
  /** Acknowledgements with domain and account in front, as servers from 2.14 on can be told to use. Default false. */
  readonly newAcks?: boolean;
}

/**
 * Seconds that the callout has for an answer. It takes less than a millisecond; but a plugin that connects while the callout itself is
 * still away, such as after a restart of the server, waits for all of it before it may try again.
 */
const AUTH_TIMEOUT_S = 2;

/** Services of the core's account that plugins reach, by name as the plugins see them. */
const services: readonly { readonly subject: string; readonly as?: string; readonly stream?: boolean }[] = [
  { subject: "$JS.API.CONSUMER.INFO.*.*", as: `${API_PREFIX}.CONSUMER.INFO.*.*` },
  { subject: "$JS.API.CONSUMER.MSG.NEXT.*.*", as: `${API_PREFIX}.CONSUMER.MSG.NEXT.*.*`, stream: true },
  { subject: "$JS.ACK.>" },
  { subject: "mesh.out.*.>" },
];

/**
 * Configuration of a nats-server for the mesh.
 *
 * Three accounts: AUTH answers who may connect, CORE has JetStream, PLUGINS has all plugins. They are apart because the reply
 * subject of a request is not checked against permissions: within one account a plugin could have the server write its answers
 * into an event stream. What plugins may reach of CORE is imported one by one, and per plugin the callout allows less still.
 */
export function natsConfig(options: NatsConfigOptions): string {
  const { coreUser, calloutUser, issuer } = options;
  return [
    ...listening(options),
    ...storage(options),
    ...(options.newAcks ? ["feature_flags { js_ack_fc_v2: true }"] : []),
    "accounts {",
    "  AUTH {",
    `    users: [ { nkey: ${calloutUser} } ]`,
    "  }",
    "  CORE {",
    "    jetstream: enabled",
    `    users: [ { nkey: ${coreUser} } ]`,
    "    exports: [",
    ...services.map(
      ({ subject, stream }) =>
        `      { service: "${subject}"${stream ? ", response_type: stream" : ""}, accounts: [PLUGINS] }`,
    ),
    "    ]",
    "  }",
    "  PLUGINS {",
    "    imports: [",
    ...services.map(
      ({ subject, as }) => `      { service: { account: CORE, subject: "${subject}" }${as ? `, to: "${as}"` : ""} }`,
    ),
    "    ]",
    "  }",
    "}",
    "authorization {",
    `  timeout: ${AUTH_TIMEOUT_S}`,
    `  auth_callout { issuer: ${issuer}, account: AUTH, auth_users: [ ${calloutUser}, ${coreUser} ] }`,
    "}",
    "",
  ].join("\n");
}

function listening({ port, host = "127.0.0.1" }: NatsConfigOptions): readonly string[] {
  if (port === undefined) return [];
  return [
    `host: ${JSON.stringify(host)}`,
    `port: ${port}`,
    "max_connections: 4096",
    'ping_interval: "10s"',
    "ping_max: 2",
  ];
}

/** Syncing every second loses at most that of what was acknowledged when the machine itself fails, and costs little. */
function storage({ storeDir, maxStoreBytes = 4 * 1024 ** 3 }: NatsConfigOptions): readonly string[] {
  if (storeDir === undefined) return [];
  return [
    "jetstream {",
    `  store_dir: ${JSON.stringify(storeDir)}`,
    `  max_file_store: ${maxStoreBytes}`,
    "  max_memory_store: 67108864",
    '  sync_interval: "1s"',
    "}",
  ];
}
