import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Authority, AuthorityError, DEFAULT_NAMESPACE, isDnsLabel, parseAuthority } from "@patchbay/model";
import { type ClientContext, ClientContextSchema } from "@patchbay/proto/mesh/common/v1/client_pb";
import type { Claims } from "@patchbay/wire";

/** A client's request, parsed and checked. */
export interface ClientRequest {
  readonly authority: Authority;
  readonly context: ClientContext;
}

const MAX_ZONE = 128;
const MAX_LABELS = 64;
const MAX_LABEL = 256;

/**
 * Reads a request of an authenticated caller.
 *
 * @throws ConnectError INVALID_ARGUMENT (malformed authority or context), PERMISSION_DENIED (the caller is a plugin, or a proxy
 * that claims a namespace other than its token's)
 */
export function readClientRequest(
  caller: Claims,
  request: { authority: string; context?: ClientContext | undefined },
): ClientRequest {
  if (caller.kind === "plugin") {
    const hint = "plugins answer with a rewrite and let the chain resolve it";
    throw new ConnectError(`plugin "${caller.name}" may not resolve authorities; ${hint}`, Code.PermissionDenied);
  }
  const context = readContext(caller, request.context ?? create(ClientContextSchema));
  try {
    return { authority: parseAuthority(request.authority, context.namespace), context };
  } catch (error) {
    if (error instanceof AuthorityError) throw new ConnectError(error.message, Code.InvalidArgument);
    throw error;
  }
}

function readContext(caller: Claims, { namespace, zone, labels }: ClientContext): ClientContext {
  const proven = caller.kind === "proxy" ? caller.namespace : "";
  if (proven !== "" && namespace !== "" && namespace !== proven) {
    throw new ConnectError(
      `the token proves namespace "${proven}", the context says "${namespace.slice(0, 64)}"; leave context.namespace empty`,
      Code.PermissionDenied,
    );
  }
  const effective = [namespace, proven].find((name) => name !== "") ?? DEFAULT_NAMESPACE;
  if (!isDnsLabel(effective)) throw invalid("context.namespace is not a DNS label");
  if (zone.length > MAX_ZONE) throw invalid(`context.zone is longer than ${MAX_ZONE} characters`);
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS) throw invalid(`context.labels: ${entries.length} are more than ${MAX_LABELS}`);
  if (entries.some((entry) => entry.some((text) => text.length > MAX_LABEL))) {
    throw invalid(`context.labels: a key or value is longer than ${MAX_LABEL} characters`);
  }
  return create(ClientContextSchema, { namespace: effective, zone, labels });
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
