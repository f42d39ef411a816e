import type { Plugin } from "../public/plugin.ts";
import type { Served, ServeOptions } from "../public/serve.ts";

/**
 * Serves a plugin: hooks on a free port, health, reflection and `/metrics` there too; announces it to the mesh and keeps it
 * announced for ever; reads its events. Rejects when the plugin is none, or its port cannot be had.
 */
export async function serve(plugin: Plugin, options: ServeOptions = {}): Promise<Served> {
  // Loaded when it is wanted: tests, and the code that `mesh-sdk dev` reloads, do without gRPC and NATS.
  const { servePlugin } = await import("./serve-plugin.ts");
  return servePlugin(plugin, options, process.env);
}
