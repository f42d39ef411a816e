import { errorMessage } from "@patchbay/model";
import {
  type AuthorizationRequest,
  decodeAuthorizationRequest,
  type EventBus,
  encodeAuthorizationResponse,
  encodeUserJwt,
  type Log,
  type Nkey,
} from "@patchbay/wire";
import type { ProvenUntil, Prover } from "../core/announce/prover.ts";
import { type Access, consumerName } from "../core/plugins/plugin-access.ts";
import { createLogThrottle } from "./log-throttle.ts";

/** Where a NATS server with an auth callout asks (ADR-26). */
const SUBJECT = "$SYS.REQ.USER.AUTH";
/** Replicas share the work. */
const QUEUE = "registry";
const PLUGINS_ACCOUNT = "PLUGINS";

export interface CalloutOptions {
  /** Connected as the callout's user. */
  readonly bus: EventBus;
  readonly issuer: Nkey;
  readonly prover: Prover;
  /** What a proven plugin may do; throws with the reason when it may not connect at all. */
  accessOf(plugin: ProvenUntil): Access;
  /** Somebody was refused; who it was is known unless nothing was proven. */
  onRefused(reason: string, plugin: ProvenUntil | undefined): void;
  readonly log: Log;
}

/** Answers the server's question who may connect. The server itself tells clients no reason, so refusals are reported here. */
export function startCallout(options: CalloutOptions): { stop(): void } {
  const saidLately = createLogThrottle(60_000);
  return options.bus.subscribeRequests(SUBJECT, QUEUE, async ({ data }) => {
    const request = decodeAuthorizationRequest(data);
    const answer = await decide(request, { ...options, saidLately });
    return Buffer.from(encodeAuthorizationResponse(options.issuer, request, answer));
  });
}

type Answer = { readonly jwt: string } | { readonly error: string };

interface Deciding extends CalloutOptions {
  /** A client that is refused tries again several times a second. */
  saidLately(client: string): boolean;
}

async function decide(request: AuthorizationRequest, options: Deciding): Promise<Answer> {
  const { prover, accessOf, issuer, onRefused, saidLately, log } = options;
  let plugin: ProvenUntil | undefined;
  try {
    if (request.token === "")
      throw new Error("there is no token; plugins get one from the registry when they announce themselves");
    plugin = await prover.prove(request.token);
    const permissions = accessOf(plugin);
    const name = consumerName(plugin.namespace, plugin.name);
    const expires = Math.floor(plugin.expiresAt / 1000);
    return { jwt: encodeUserJwt(issuer, { user: request.user, name, account: PLUGINS_ACCOUNT, permissions, expires }) };
  } catch (error) {
    const reason = errorMessage(error);
    const client = request.clientName.slice(0, 128);
    const level = saidLately(client) ? "debug" : "warn";
    log[level]({ client, host: request.host, plugin: plugin?.name, reason }, "refused a connection to NATS");
    onRefused(reason, plugin);
    return { error: reason };
  }
}
