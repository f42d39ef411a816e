import { createHash, randomUUID } from "node:crypto";
import type { Nkey } from "./nkeys.ts";

/** What a connection may do: allow lists only. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface UserGrant {
  /** The public key that the server chose for this connection (`user_nkey` of the request). */
  readonly user: string;
  readonly name: string;
  /** Account name, such as "PLUGINS". */
  readonly account: string;
  readonly permissions: NatsPermissions;
  /** Seconds since the epoch. The server ends the connection then. */
  readonly expires: number;
}

/** What a server asks when a client connects ("authorization request" of ADR-26). */
export interface AuthorizationRequest {
  /** Becomes the audience of the answer. */
  readonly serverId: string;
  readonly user: string;
  /** As the client says. */
  readonly clientName: string;
  readonly token: string;
  readonly host: string;
  /** By which the connection can be ended. */
  readonly clientId: number;
}

/** A user's JWT, signed by the issuer of the auth callout. */
export function encodeUserJwt(issuer: Nkey, grant: UserGrant): string {
  const { publish, subscribe } = grant.permissions;
  return signJwt(issuer, {
    sub: grant.user,
    name: grant.name,
    aud: grant.account,
    exp: grant.expires,
    nats: {
      pub: allowing(publish),
      sub: allowing(subscribe),
      subs: -1,
      data: -1,
      payload: -1,
      type: "user",
      version: 2,
    },
  });
}

/** The answer to an authorization request: a user's JWT, or a reason that the server writes to its log. */
export function encodeAuthorizationResponse(
  issuer: Nkey,
  request: Pick<AuthorizationRequest, "serverId" | "user">,
  answer: { jwt: string } | { error: string },
): string {
  return signJwt(issuer, {
    sub: request.user,
    aud: request.serverId,
    nats: { ...answer, type: "authorization_response", version: 2 },
  });
}

/**
 * Reads an authorization request. Its signature is not checked: only the server can publish to the callout's subject in
 * the callout's account.
 *
 * @throws Error when it is not such a request.
 */
export function decodeAuthorizationRequest(data: Uint8Array): AuthorizationRequest {
  const [, payload = ""] = Buffer.from(data).toString().split(".");
  const claims = field(JSON.parse(Buffer.from(payload, "base64url").toString()), "nats");
  const options = field(claims, "connect_opts");
  const client = field(claims, "client_info");
  const user = text(field(claims, "user_nkey"));
  const token = text(field(options, "auth_token"));
  const serverId = text(field(field(claims, "server_id"), "id"));
  if (user === "" || serverId === "") throw new Error("not an authorization request of a NATS server");
  return {
    serverId,
    user,
    clientName: text(field(options, "name")),
    token: token === "" ? text(field(options, "pass")) : token,
    host: text(field(client, "host")),
    clientId: Number(field(client, "id") ?? 0),
  };
}

// An empty allow list would mean "everything", so it is turned into a denial.
function allowing(subjects: readonly string[]) {
  return subjects.length > 0 ? { allow: subjects } : { deny: [">"] };
}

function signJwt(issuer: Nkey, claims: object): string {
  const body = { iat: Math.floor(Date.now() / 1000), iss: issuer.publicKey, ...claims };
  const jti = createHash("sha256").update(JSON.stringify(body)).update(randomUUID()).digest("base64url");
  const signed = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ jti, ...body })}`;
  return `${signed}.${issuer.sign(Buffer.from(signed)).toString("base64url")}`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
