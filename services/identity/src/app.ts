import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Cancel, TRUST_DOMAIN } from "@patchbay/model";
import type { App, AppContext } from "@patchbay/runtime";
import { Counter } from "prom-client";
import { identityRoutes } from "./api/routes.ts";
import { openRoots, type Roots } from "./sources/root-files.ts";

/** How often a long-running authority looks whether its root needs a successor. */
const ROOT_CHECK_MS = 3_600_000;

/** Certificate authority of the mesh: turns a proven caller's key into an X.509-SVID. */
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
    // Everybody asks for a certificate, and with it for the roots, at half of its life; other replicas look once a check.
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
