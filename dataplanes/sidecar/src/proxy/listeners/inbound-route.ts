import { endpointKey } from "../../core/report/endpoint-key.ts";
import type { Endpoint, Pick, Router } from "../../core/types.ts";

/** Everything that comes in leads to the program, at the address that `app` holds at that moment. */
export function createInboundRouter(app: { readonly host: string; readonly port: number }, target: string): Router {
  let pick = pickOf(app);
  const route = Promise.resolve({
    kind: "mesh",
    target,
    // There is one program: what it has refused once it will refuse again.
    pick(tried: ReadonlySet<string>) {
      // It may turn out to listen on the other loopback address.
      if (pick.endpoint.address !== app.host) pick = pickOf(app);
      return tried.has(pick.key) ? undefined : pick;
    },
    // Retries are left to the caller's sidecar, which knows other endpoints.
    retries: { deposit: () => undefined, withdraw: () => false },
    get reason() {
      return `the program does not listen on ${pick.key}`;
    },
  } as const);
  return { route: () => route };
}

function pickOf(app: { readonly host: string; readonly port: number }): Pick {
  const endpoint: Endpoint = { address: app.host, port: app.port, protocol: "any", identity: "" };
  return { endpoint, key: endpointKey(endpoint), end: () => undefined };
}
