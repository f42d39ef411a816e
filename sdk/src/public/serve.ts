import type { Duration } from "./duration.ts";
import type { Log } from "./log.ts";

/** How a plugin is served; every option has a default. */
export interface ServeOptions {
  /** The registry, such as `"http://127.0.0.1:4140"`. Default: `MESH_REGISTRY`, else the mesh that runs on this machine. */
  readonly registry?: string;
  /** Proves who the plugin is. Default: `MESH_PLUGIN_TOKEN`, else made from this machine's development key. */
  readonly token?: string;
  /** Where hooks are served. Default: `MESH_HOST`, else 127.0.0.1. */
  readonly host?: string;
  /** Default: `MESH_PORT`, else a free one. */
  readonly port?: number;
  /** Configuration to use when the mesh grants none. */
  readonly config?: unknown;
  /** Time that handlers get to finish when the plugin stops. Default 10 s. */
  readonly drain?: Duration;
  /** Stop on SIGTERM and SIGINT, and exit. Default true. */
  readonly signals?: boolean;
  /** Default: lines on standard error. */
  readonly log?: Log;
}

/** A plugin that serves. */
export interface Served {
  /** Where hooks, health, reflection and `/metrics` are, such as `"127.0.0.1:40123"`. */
  readonly address: string;
  readonly instance: string;
  /** Settles when the registry first says that the plugin is ready. */
  ready(): Promise<void>;
  /** Drains and ends: tells the registry, finishes what runs, closes. Safe to call twice. */
  stop(reason?: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
