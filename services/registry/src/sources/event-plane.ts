import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { connectEvents, type EventBus, type Log } from "@patchbay/wire";
import { ensureStreams } from "./streams.ts";

export interface EventPlaneOptions {
  /** The core's connection; rejects while it is not known where NATS is. */
  events(): Promise<EventBus>;
  /** How to connect as the user that answers the auth callout. Undefined: nobody does. */
  readonly callout: { readonly servers: readonly string[]; readonly seed: string } | undefined;
  /** The core is connected, for the first time or again, and all streams are there. Resolves with what ends the work. */
  onCore(bus: EventBus): Promise<() => Promise<void>>;
  /** The callout's user is connected. */
  onCallout(bus: EventBus): void;
  /** More can be had than before. */
  onChange(): void;
  readonly log: Log;
}

export interface Unavailable {
  /** Why. */
  readonly unavailable: string;
  /** It was there and will come back: whoever has credentials keeps them, and new ones can be given out. */
  readonly lost?: boolean;
}

/** Connections to NATS. Without them the registry runs alone, plugins get no events, and it says why. */
export interface EventPlane {
  core(): EventBus | Unavailable;
  /** The core's connection, when plugins can connect too. */
  plugins(): EventBus | Unavailable;
  stop(): Promise<void>;
}

const HINT =
  "a server of your own needs the accounts that `mesh nats-config` prints; the registry's log says what the server answers";

/** For ending what goes on over a connection. */
const STOP_MS = 500;

const lost: Unavailable = { unavailable: "the connection to NATS is lost; the registry keeps trying", lost: true };

export function startEventPlane(options: EventPlaneOptions): EventPlane {
  return new Plane(options);
}

class Plane implements EventPlane {
  readonly #options: EventPlaneOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;
  #core: EventBus | Unavailable = { unavailable: `the registry cannot connect to NATS yet; ${HINT}` };
  #callout: EventBus | Unavailable;

  constructor(options: EventPlaneOptions) {
    this.#options = options;
    this.#callout = { unavailable: noCallout(options) };
    this.#running = Promise.all([
      this.#untilStopped(() => this.#runCore()),
      this.#untilStopped(() => this.#startCallout()),
    ]);
  }

  core(): EventBus | Unavailable {
    return connectedOr(this.#core);
  }

  plugins(): EventBus | Unavailable {
    const callout = connectedOr(this.#callout);
    return "unavailable" in callout ? callout : this.core();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const over = new AbortController();
    // What is under way may be waiting for a server that is out of reach.
    await Promise.race([this.#running.finally(() => over.abort()), pause(STOP_MS, over.signal)]);
    if (!("unavailable" in this.#callout)) await this.#callout.close();
  }

  /** Begins anew after each reconnect: streams, consumers and the bucket may be gone, and so may be what was said meanwhile. */
  async #runCore(): Promise<void> {
    const connecting = this.#options.events().catch((error: unknown) => {
      this.#core = { unavailable: errorMessage(error) };
      throw error;
    });
    const bus = await Promise.race([connecting, aborted(this.#stopping.signal)]);
    if (!bus) return;
    while (!this.#stopping.signal.aborted) {
      const again = nextConnection(bus, this.#stopping.signal);
      await ensureStreams(bus);
      const end = await this.#options.onCore(bus);
      this.#core = bus;
      this.#options.onChange();
      await again;
      await end();
    }
  }

  async #startCallout(): Promise<void> {
    const { callout, log, onCallout, onChange } = this.#options;
    const { signal } = this.#stopping;
    if (callout) {
      const bus = await connectEvents({ ...callout, name: "registry-callout", log, signal });
      this.#callout = bus;
      onCallout(bus);
      bus.onStatus(({ type }) => type === "connected" && onChange());
      onChange();
    }
    await aborted(signal);
  }

  async #untilStopped(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = createBackoff({ minMs: 100, maxMs: 1_000 });
    let said = "";
    while (!signal.aborted) {
      await work().catch((error: unknown) => {
        const reason = errorMessage(error);
        if (reason !== said && !signal.aborted) this.#options.log.warn({ reason }, "no events for now; trying again");
        said = reason;
      });
      if (!signal.aborted) await pause(backoff.next(), signal);
    }
  }
}

function noCallout({ callout }: EventPlaneOptions): string {
  if (!callout) return "this registry was started without NATS, so there are no events; set MESH_NATS_URL";
  return `the auth callout cannot connect to NATS yet; ${HINT}`;
}

function connectedOr(bus: EventBus | Unavailable): EventBus | Unavailable {
  return "unavailable" in bus || bus.connected() ? bus : lost;
}

/** Settles when the bus has lost its connection and is connected again, or when the signal aborts. */
function nextConnection(bus: EventBus, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const off = bus.onStatus(({ type }) => type === "connected" && done());
    const done = (): void => {
      off();
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
