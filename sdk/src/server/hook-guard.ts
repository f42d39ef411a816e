import { Code, ConnectError } from "@connectrpc/connect";
import { sameSecret } from "@patchbay/wire";

/** Lets in only the core that accepted the plugin. */
export interface HookGuard {
  /** From now on this token proves the core; the one before stays good for calls that are on their way. */
  accept(token: string): void;
  /** Throws a ConnectError UNAUTHENTICATED, with what to do, unless the header proves the core. */
  check(authorization: string | null): void;
}

/** Refuses everything until accept() was called. */
export function createHookGuard(): HookGuard {
  let tokens: readonly string[] = [];
  return {
    accept(token) {
      if (token !== "" && token !== tokens[0]) tokens = [token, ...tokens.slice(0, 1)];
    },
    check(authorization) {
      if (tokens.length === 0)
        throw refused("no registry has accepted this plugin yet; call again when `mesh plugins` shows it");
      const given = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1];
      if (given === undefined)
        throw refused('hooks need "authorization: Bearer <hook token>", which only the mesh has');
      if (!tokens.some((token) => sameSecret(token, given))) {
        throw refused("the token is not the one that the registry announced for this instance");
      }
    },
  };
}

/** Throws what the guard throws, after reporting the refusal. */
export function checkCall(guard: HookGuard, observer: { onRefused(why: string): void }, header: Headers): void {
  try {
    guard.check(header.get("authorization"));
  } catch (error) {
    observer.onRefused(ConnectError.from(error).rawMessage);
    throw error;
  }
}

function refused(why: string): ConnectError {
  return new ConnectError(`hook refused: ${why}`, Code.Unauthenticated);
}
