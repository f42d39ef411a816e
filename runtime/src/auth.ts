import {
  Code,
  ConnectError,
  type ContextValues,
  createContextKey,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { type CallerKind, type Claims, sameSecret, TokenError, verifyToken } from "@patchbay/wire";

/** Turns a bearer token into proven claims, or throws UNAUTHENTICATED with a hint. */
export type TokenCheck = (token: string) => Claims;

interface TokenCheckOptions {
  readonly key: Uint8Array;
  /** A secret of this run that stands for its operator: the token in the printed address. */
  readonly operatorToken?: string | undefined;
  readonly now?: () => number;
}

const callerKey = createContextKey<Claims | undefined>(undefined, { description: "proven caller" });

export function createTokenCheck({ key, operatorToken = "", now = Date.now }: TokenCheckOptions): TokenCheck {
  return (token) => {
    if (operatorToken !== "" && sameSecret(token, operatorToken)) {
      return {
        kind: "operator",
        namespace: DEFAULT_NAMESPACE,
        name: "operator",
        instance: "address",
        expiresAt: Infinity,
      };
    }
    try {
      return verifyToken(key, token, now());
    } catch (error) {
      if (error instanceof TokenError) throw new ConnectError(`${error.message}; ${error.hint}`, Code.Unauthenticated);
      throw error;
    }
  };
}

/** Reads "Bearer …"; throws UNAUTHENTICATED when there is none. */
export function bearer(header: string | null | undefined): string {
  const token = /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
  if (token === undefined) {
    throw new ConnectError(
      'no token: send "authorization: Bearer <token>"; the token is in the printed address, and `mesh` commands have their own',
      Code.Unauthenticated,
    );
  }
  return token;
}

/** Proves each caller before its call reaches a handler. */
export function authInterceptor(check: TokenCheck): Interceptor {
  return (next) => (request) => {
    request.contextValues.set(callerKey, check(bearer(request.header.get("authorization"))));
    return next(request);
  };
}

/** The proven caller; undefined before `authInterceptor` has seen the call. */
export function provenCaller(values: ContextValues): Claims | undefined {
  return values.get(callerKey);
}

/** The proven caller. */
export function caller(context: HandlerContext): Claims {
  const claims = context.values.get(callerKey);
  if (!claims) throw new ConnectError("the caller is not proven", Code.Unauthenticated);
  return claims;
}

/** The proven caller, when it is of one of these kinds; else PERMISSION_DENIED. */
export function requireKind(context: HandlerContext, ...kinds: readonly CallerKind[]): Claims {
  const claims = caller(context);
  if (kinds.includes(claims.kind)) return claims;
  throw new ConnectError(
    `${claims.kind} "${claims.name}" may not call ${context.method.name}; allowed: ${kinds.join(", ")}`,
    Code.PermissionDenied,
  );
}
