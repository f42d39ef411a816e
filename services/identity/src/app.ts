import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Cancel, TRUST_DOMAIN } from "@patchbay/model";
import type { App, AppContext } from "@patchbay/runtime";
import { Counter } from "prom-client";
import { identityRoutes } from "./api/routes.ts";
import { openRoots, type Roots } from "./sources/root-files.ts";

/** How often the authority checks whether its root needs a successor. */
const ROOT_CHECK_MS = 3_600_000;

/** Certificate authority of the mesh: signs an X.509-SVID for the key of an authenticated caller. */
export function createIdentityApp(context: AppContext): App {
  const { metrics, settings, log } = context;
  const signed = new Counter({
    name: "identity_certificate_requests_total",
    help: "Certificate requests by result",
    labelNames: ["result"],
    registers: [metrics],
  });
  const dir = join(context.stateDir, "ca");
  let current: Roots | undefined;
  let endCheck: Cancel | undefined;
  const open = async (): Promise<void> => {
    // Workloads renew certificate and roots at half of the life; other replicas read new roots at each check.
    const settleMs = settings.certificateLifeMs + ROOT_CHECK_MS;
    current = await openRoots({ dir, trustDomain: TRUST_DOMAIN, now: context.clock.now(), settleMs });
  };
  const roots = (): Roots => {
    if (current) return current;
    throw new ConnectError("the certificate authority is still starting; try again in a moment", Code.Unavailable);
  };
  return {
    name: "identity",
    routes: (router) =>
      identityRoutes(router, {
        roots,
        trustDomain: TRUST_DOMAIN,
        lifeMs: settings.certificateLifeMs,
        signed,
        now: context.clock.now,
      }),
    async start() {
      await open();
      endCheck = context.clock.every(
        ROOT_CHECK_MS,
        () => void open().catch((error: unknown) => log.error({ error }, "the root stays as it is")),
      );
    },
    async stop() {
      endCheck?.();
    },
    readiness: () =>
      current ? { ready: true, reason: "" } : { ready: false, reason: "opening the certificate authority" },
  };
}
