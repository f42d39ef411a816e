import { join } from "node:path";

/** Format of the state folder; a newer one is refused. */
export const STATE_FORMAT = 1;

/** Where things lie in the state folder. */
export interface Layout {
  readonly dir: string;
  /** Holds the format's number. */
  readonly format: string;
  /** Held by the process of the running mesh, from before it listens until it has ended. */
  readonly lock: string;
  /** Launchers `mesh` and `mesh-sdk`. */
  readonly bin: string;
  readonly logs: string;
  /** What set-up installed. */
  readonly tools: string;
  readonly nats: string;
  /** Address of the running nats-server, for commands of this user. */
  readonly natsUrl: string;
  /** YAML files of the user. */
  readonly resources: string;
}

export function layout(dir: string): Layout {
  return {
    dir,
    format: join(dir, "format"),
    lock: join(dir, "mesh.lock"),
    bin: join(dir, "bin"),
    logs: join(dir, "logs"),
    tools: join(dir, "tools"),
    nats: join(dir, "nats"),
    natsUrl: join(dir, "nats", "url"),
    resources: join(dir, "resources"),
  };
}
