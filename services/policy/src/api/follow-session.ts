import { Code, ConnectError } from "@connectrpc/connect";
import type { WatchRequest } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { Claims } from "@patchbay/wire";
import type { Reader, Subscribers, Subscription } from "../engine/subscribers.ts";

/** Receives the messages of a proxy's stream in order. */
export interface FollowSession {
  /** @throws ConnectError */
  receive(request: WatchRequest): void;
  leave(): void;
}

/** @throws ConnectError PERMISSION_DENIED */
export function createFollowSession(subscribers: Subscribers, claims: Claims, reader: Reader): FollowSession {
  if (claims.kind !== "proxy")
    throw new ConnectError(
      `${claims.kind} "${claims.name}" enforces nothing; only proxies follow`,
      Code.PermissionDenied,
    );
  let following: Subscription | undefined;
  const begin = (request: WatchRequest): Subscription => {
    if (request.message.case !== "hello") throw invalid("the first message is a hello");
    const { version, targets } = request.message.value;
    return subscribers.join(claims, { version, hosts: targets?.hosts ?? [] }, reader);
  };
  return {
    receive(request) {
      if (!following) {
        following = begin(request);
        return;
      }
      const { message } = request;
      if (message.case === "hello") throw invalid("only the first message is a hello");
      if (message.case === "targets") following.follow(message.value.hosts);
      else if (message.case === "ack") following.ack(message.value.version, message.value.rejectionReason);
      else throw invalid("a message holds a hello, targets or an ack");
    },
    leave: () => following?.leave(),
  };
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
