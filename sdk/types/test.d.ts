import type { Plugin } from "../src/public/plugin.ts";
import type { MeshOptions, TestMesh, TestOptions, TestPlugin } from "../src/public/test-kit.ts";

export type * from "../src/public/test-kit.ts";

/**
 * Starts a plugin in this process, without a mesh or a network.
 * Rejects with a ConfigError when `config` does not fit the plugin's schema.
 */
export declare function startTest(plugin: Plugin, options?: TestOptions): Promise<TestPlugin>;

/**
 * Starts a small real mesh (control plane and nats-server) with its own state folder; needs the package `@patchbay/up`.
 * `mesh.serve(plugin)` puts a plugin into it.
 */
export declare function startMesh(options?: MeshOptions): Promise<TestMesh>;
