import { jetstreamManager } from "@nats-io/jetstream";
import type { Authenticator, NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { type Log, noLog } from "../log.ts";
import { readSeed } from "../nkeys.ts";
import { EventBusError } from "./event-bus-error.ts";
import { NatsEventBus } from "./nats-event-bus.ts";
import { PUBLISHER_LIMITS, type PublisherLimits } from "./publisher.ts";
import type { EventBus } from "./types.ts";

export interface ConnectEventsOptions {
  /** "nats://host:port". */
  readonly servers: string | readonly string[];
  /** Shown by the server; the auth callout sees it. */
  readonly name: string;
  /** Of an nkey user: the core. */
  readonly seed?: string;
  /** Asked for at each connection: plugins. */
  readonly token?: () => string;
  /** Where answers arrive. Default "_INBOX". */
  readonly inboxPrefix?: string;
  /** Of the JetStream API. Default "$JS.API"; plugins get theirs with their credentials. */
  readonly apiPrefix?: string;
  readonly log?: Log;
  /** Gives up waiting for the first connection. */
  readonly signal?: AbortSignal;
  /** Of publish(); see PUBLISHER_LIMITS for the defaults. */
  readonly limits?: Partial<PublisherLimits>;
}

// An auth callout that is away costs the server's whole authorization timeout (5 s), and its answer says more than ours.
const CONNECT_TIMEOUT_MS = 6000;
const RECONNECT_MS = 100;
const RECONNECT_JITTER_MS = 400;

/**
 * Connects to NATS and reconnects without limit. Waits for the first connection until `signal` aborts, and logs why it
 * takes long.
 *
 * @throws EventBusError "closed" when the signal aborted.
 */
export async function connectEvents(options: ConnectEventsOptions): Promise<EventBus> {
  const nc = await connectFirst(options, authenticator(options));
  const admin = await jetstreamManager(nc, {
    checkAPI: false,
    ...(options.apiPrefix === undefined ? {} : { apiPrefix: options.apiPrefix }),
  });
  return new NatsEventBus(nc, admin, {
    inboxPrefix: options.inboxPrefix ?? "_INBOX",
    log: options.log ?? noLog,
    limits: { ...PUBLISHER_LIMITS, ...options.limits },
  });
}

async function connectFirst(options: ConnectEventsOptions, auth: Authenticator | undefined): Promise<NatsConnection> {
  const backoff = createBackoff({ minMs: RECONNECT_MS, maxMs: 1000 });
  const log = options.log ?? noLog;
  let said = "";
  while (!options.signal?.aborted) {
    try {
      const connection = await connect(connectionOptions(options, auth));
      if (!options.signal?.aborted) return connection;
      // Aborted: the caller would not close it.
      await connection.close();
    } catch (error) {
      const reason = errorMessage(error);
      log[reason === said ? "debug" : "warn"]({ servers: options.servers, reason }, "cannot connect to NATS yet");
      said = reason;
      await pause(backoff.next(), options.signal);
    }
  }
  throw new EventBusError("closed", `stopped waiting for NATS${said === "" ? "" : `: ${said}`}`);
}

function connectionOptions(options: ConnectEventsOptions, auth: Authenticator | undefined) {
  return {
    servers: typeof options.servers === "string" ? options.servers : [...options.servers],
    name: options.name,
    timeout: CONNECT_TIMEOUT_MS,
    // A stack for each request costs half of a request.
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => RECONNECT_MS + Math.random() * RECONNECT_JITTER_MS,
    pingInterval: 10_000,
    maxPingOut: 2,
    // One refusal right after an expiry would otherwise close the client for good.
    ignoreAuthErrorAbort: true,
    ...(auth === undefined ? {} : { authenticator: auth }),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
  };
}

function authenticator({ seed, token }: ConnectEventsOptions): Authenticator | undefined {
  if (token !== undefined) return () => ({ auth_token: token() });
  if (seed === undefined) return undefined;
  const key = readSeed(seed);
  return (nonce = "") => ({ nkey: key.publicKey, sig: key.sign(Buffer.from(nonce)).toString("base64url") });
}
