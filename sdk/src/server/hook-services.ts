import type { DescService } from "@bufbuild/protobuf";
import { HOOK_KINDS } from "@patchbay/model";
import type { PluginManifest } from "../model/manifest.ts";

/** The gRPC services of the hooks that a plugin has. */
export function hookServices(manifest: PluginManifest): readonly DescService[] {
  return Object.values(HOOK_KINDS)
    .filter(({ name }) => manifest[name] !== undefined)
    .map(({ method }) => method.parent);
}
