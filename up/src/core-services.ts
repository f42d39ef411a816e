import { fileURLToPath } from "node:url";
import type { CreateApp, Environment } from "@patchbay/runtime";

/** A service of the control plane: built in this process, or run from its own main.ts. */
export interface CoreService {
  readonly name: string;
  /** Loaded when needed, so that commands which start nothing start fast. */
  readonly load: (environment: Environment) => Promise<CreateApp>;
  /** Path of its main.ts. */
  readonly main: string;
}

const main = (name: string): string => fileURLToPath(new URL(`../../services/${name}/src/main.ts`, import.meta.url));

/**
 * In the order in which they start; they stop in reverse. The registry first, since all others announce themselves
 * there; identity before destination, so that the first workloads have certificates when they are asked for; telemetry
 * last, so that on the way down it goes first and stores what the proxies have reported.
 */
export const coreServices: readonly CoreService[] = [
  {
    name: "registry",
    load: async ({ natsUrl, stateDir }) => {
      const { createRegistryApp, loadNatsKeys } = await import("@patchbay/registry");
      const nats =
        natsUrl !== undefined && natsUrl !== ""
          ? { servers: [natsUrl], keys: await loadNatsKeys(stateDir) }
          : undefined;
      return (context) => createRegistryApp(context, { nats });
    },
    main: main("registry"),
  },
  {
    name: "identity",
    load: async () => (await import("@patchbay/identity")).createIdentityApp,
    main: main("identity"),
  },
  {
    name: "destination",
    load: async () => (await import("@patchbay/destination")).createDestinationApp,
    main: main("destination"),
  },
  {
    name: "tap",
    load: async () => (await import("@patchbay/tap")).createTapApp,
    main: main("tap"),
  },
  {
    name: "policy",
    load: async () => (await import("@patchbay/policy")).createPolicyApp,
    main: main("policy"),
  },
  {
    name: "telemetry",
    load: async () => (await import("@patchbay/telemetry")).createTelemetryApp,
    main: main("telemetry"),
  },
];
