import type { Plugin } from "../public/plugin.ts";
import type { Served, ServeOptions } from "../public/serve.ts";

/**
 * Serves a plugin: hooks on a free port, health, reflection and `/metrics` there too; announces it to the mesh and renews
 * its lease; reads its events. Rejects when the value is not a plugin, or the port cannot be bound.
 */
export async function serve(plugin: Plugin, options: ServeOptions = {}): Promise<Served> {
  // Loaded on demand: tests, and the code that `mesh-sdk dev` reloads, do without gRPC and NATS.
  const { servePlugin } = await import("./serve-plugin.ts");
  return servePlugin(plugin, options, process.env);
}
