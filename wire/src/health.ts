import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import type { Clock } from "@patchbay/model";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@patchbay/proto/grpc/health/v1/health_pb";
import { systemClock } from "./system-clock.ts";

/** Full names of services, and "" for the whole server: true when it serves. */
export type HealthStatuses = () => ReadonlyMap<string, boolean>;

// How long a watcher may have to wait for a change.
const WATCH_INTERVAL_MS = 500;

/** Answers grpc.health.v1.Health (github.com/grpc/grpc/blob/master/doc/health-checking.md) from `statuses`. */
export function healthRoutes(router: ConnectRouter, statuses: HealthStatuses, clock: Clock = systemClock): void {
  router.service(Health, {
    check({ service }) {
      const serving = statuses().get(service);
      if (serving === undefined) throw new ConnectError(`no service "${service}" here`, Code.NotFound);
      return { status: toStatus(serving) };
    },
    async *watch({ service }, context: HandlerContext) {
      let last: Status | undefined;
      while (!context.signal.aborted) {
        const status = toStatus(statuses().get(service));
        if (status !== last) yield { status };
        last = status;
        await clock.pause(WATCH_INTERVAL_MS, context.signal);
      }
    },
  });
}

function toStatus(serving: boolean | undefined): Status {
  if (serving === undefined) return Status.SERVICE_UNKNOWN;
  return serving ? Status.SERVING : Status.NOT_SERVING;
}
