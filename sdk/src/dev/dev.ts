import { basename, dirname } from "node:path";
import { createBackoff, createWakeup, errorMessage, pause } from "@patchbay/model";
import { bindFrom, openAccess } from "../serve/mesh-access.ts";
import { type ServedHost, serveHost } from "../serve/serve-host.ts";
import { stopOnSignals } from "../serve/stop-on-signals.ts";
import { type ChildOptions, LoadError, type PluginChild, startChild } from "./child-process.ts";
import { createPrinter, type Printer } from "./printer.ts";
import { createReloadingHost, type ReloadingHost } from "./reloading-host.ts";
import { watchFiles } from "./watch-files.ts";

/** What `mesh-sdk dev` runs. */
export interface DevOptions extends ChildOptions {
  readonly config: unknown;
  readonly registry: string | undefined;
  /** Default: standard output. */
  readonly printer?: Printer;
}

/** A development session. */
export interface DevSession {
  /** Settles when the plugin was loaded and is served for the first time. */
  readonly started: Promise<ServedHost>;
  stop(reason: string): Promise<void>;
}

const DRAIN_MS = 1_000;

/** `mesh-sdk dev`: runs until a signal. */
export async function runDev(options: DevOptions): Promise<void> {
  const printer = options.printer ?? createPrinter();
  const session = startDev({ ...options, printer });
  stopOnSignals({ stop: (reason) => session.stop(reason), log: printer.log });
  try {
    await session.started;
  } catch (error) {
    await session.stop("could not start");
    throw error;
  }
}

/**
 * Holds the plugin's registration, hooks and events in this process while the author's file runs in a child: a save starts the
 * next child first, and only when that one has loaded does it take over. So a mistake changes nothing, and a restart loses nothing.
 */
export function startDev(options: DevOptions & { readonly printer: Printer }): DevSession {
  return new Session(options);
}

class Session implements DevSession {
  readonly started: Promise<ServedHost>;
  readonly #options: DevOptions & { readonly printer: Printer };
  readonly #stopped = new AbortController();
  readonly #backoff = createBackoff({ minMs: 200, maxMs: 5_000 });
  #wakeup = createWakeup();
  #changed = false;
  /** A file that never finishes loading is given up at the next save, and at the end. */
  #loading: AbortController | undefined;
  #host: ReloadingHost | undefined;
  #served: ServedHost | undefined;
  #running: Promise<void>;

  constructor(options: DevOptions & { readonly printer: Printer }) {
    this.#options = options;
    const first = Promise.withResolvers<ServedHost>();
    this.started = first.promise;
    this.#running = this.#run(first.resolve).catch(first.reject);
    const folder = dirname(options.entry);
    void watchFiles({ folder, signal: this.#stopped.signal, onChange: () => this.#noteChange() });
  }

  async stop(reason: string): Promise<void> {
    this.#stopped.abort();
    this.#loading?.abort();
    this.#wakeup.wake();
    await this.#served?.stop(reason);
    await this.#running;
    await this.#host?.stop();
    this.#options.printer.close();
  }

  async #run(onStarted: (served: ServedHost) => void): Promise<void> {
    const child = await this.#load();
    if (!child) return;
    this.#host = createReloadingHost(child);
    this.#follow(child);
    this.#served = await this.#serve(this.#host);
    onStarted(this.#served);
    while (!this.#stopped.signal.aborted) {
      await this.#nextChange();
      if (!this.#stopped.signal.aborted)
        await this.#reload(this.#host).catch((error: unknown) => this.#complain(error));
    }
  }

  /** What has nothing to do with the author's file, such as a port that is taken, must not end reloading unseen. */
  #complain(error: unknown): void {
    this.#options.printer.line(`Could not reload: ${errorMessage(error)}. Save again to try again.`);
  }

  /** Loads the author's file; tries again at each save until it is a plugin. */
  async #load(): Promise<PluginChild | undefined> {
    const { printer } = this.#options;
    while (!this.#stopped.signal.aborted) {
      this.#changed = false;
      const loading = new AbortController();
      this.#loading = loading;
      try {
        return await startChild(this.#options, loading.signal);
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
        if (loading.signal.aborted) continue;
        printer.line(error.message);
        printer.line(this.#host ? "The code before it goes on; save again to reload." : "Save again to try again.");
      }
      await this.#nextChange();
    }
    return undefined;
  }

  async #reload(host: ReloadingHost): Promise<void> {
    const began = performance.now();
    const name = host.manifest.name;
    const child = await this.#load();
    if (!child) return;
    if (this.#stopped.signal.aborted) return child.stop(0);
    this.#follow(child);
    const again = await host.swap(child);
    const took = ((performance.now() - began) / 1_000).toFixed(1);
    const events = host.manifest.events.length > 0 ? `, ${again} event${again === 1 ? "" : "s"} delivered again` : "";
    this.#options.printer.line(`Reloaded ${basename(this.#options.entry)} in ${took} s${events}`);
    if (this.#served && host.manifest.name === name) this.#served.announceAgain();
    else await this.#rename(host);
  }

  /** Another name is another plugin: the one before gives its lease back. */
  async #rename(host: ReloadingHost): Promise<void> {
    const before = this.#served;
    this.#served = undefined;
    await before?.stop("renamed");
    this.#served = await this.#serve(host);
  }

  async #serve(host: ReloadingHost): Promise<ServedHost> {
    const { registry, config, printer } = this.#options;
    const env = process.env;
    const { name } = host.manifest;
    const access = await openAccess({ name, registry, token: undefined, env });
    const served = await serveHost({
      host,
      access,
      bind: bindFrom(env),
      config,
      drainMs: DRAIN_MS,
      log: printer.log,
      observer: printer.observer,
    });
    printer.line(`Serving ${name} ${host.manifest.version}; reloads on save`);
    return served;
  }

  /** A child that ends by itself is started again, later each time; a good while in between makes it quick again. */
  #follow(child: PluginChild): void {
    const began = performance.now();
    void child.ended.then(async (how) => {
      if (this.#stopped.signal.aborted || this.#host?.runs(child) !== true) return;
      this.#options.printer.line(`The plugin's process ${how}; starting it again`);
      if (performance.now() - began > 10_000) this.#backoff.reset();
      await pause(this.#backoff.next(), this.#stopped.signal);
      this.#noteChange();
    });
  }

  #noteChange(): void {
    this.#changed = true;
    this.#loading?.abort();
    this.#wakeup.wake();
  }

  async #nextChange(): Promise<void> {
    if (!this.#changed && !this.#stopped.signal.aborted) await this.#wakeup.wait();
    this.#changed = false;
  }
}
