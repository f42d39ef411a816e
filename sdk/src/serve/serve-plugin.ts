import { describeThrown } from "../errors/mistake.ts";
import { placeInStack } from "../errors/place.ts";
import { createLocalHost } from "../host/local-host.ts";
import { readDuration } from "../model/duration.ts";
import type { Log } from "../public/log.ts";
import type { Plugin } from "../public/plugin.ts";
import type { Served, ServeOptions } from "../public/serve.ts";
import { createLogObserver, createOncePer } from "./log-observer.ts";
import { createLog } from "./logs.ts";
import { bindFrom, openAccess } from "./mesh-access.ts";
import { type ServedHost, serveHost } from "./serve-host.ts";
import { stopOnSignals } from "./stop-on-signals.ts";

/** The body of `serve()`, in a module that it loads on demand. */
export async function servePlugin(plugin: Plugin, options: ServeOptions, env: NodeJS.ProcessEnv): Promise<Served> {
  const log = options.log ?? createLog(plugin.name);
  const host = createLocalHost(plugin, log);
  const access = await openAccess({ name: plugin.name, registry: options.registry, token: options.token, env });
  const bind = bindFrom(env);
  const served = await serveHost({
    host,
    access,
    bind: { host: options.host ?? bind.host, port: options.port ?? bind.port },
    config: options.config,
    drainMs: readDuration(options.drain ?? "10s", "drain"),
    log,
    observer: createLogObserver(log),
  });
  reportFloating(served, log);
  log.info(`serving ${plugin.name} ${plugin.version}`, { address: served.address, instance: served.instance });
  if (options.signals ?? true) stopOnSignals({ stop: (reason) => served.stop(reason), log });
  return served;
}

/** An unhandled rejection in the author's code is logged and counted instead of ending the process. */
function reportFloating(served: ServedHost, log: Log): void {
  const once = createOncePer(10_000);
  const report = (thrown: unknown) => {
    const place = thrown instanceof Error ? placeInStack(thrown.stack) : undefined;
    const { message } = describeThrown("a promise that nobody awaited", thrown, place);
    served.metrics.floating();
    if (once(message)) log.error(`${message} Is an \`await\` missing?`);
  };
  process.on("unhandledRejection", report);
  void served.stopped.then(() => process.off("unhandledRejection", report));
}
