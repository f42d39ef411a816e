import { allow, definePlugin, deny } from "mesh-sdk";

export default definePlugin({
  name: "{{name}}",
  version: "0.1.0",
  config: {
    type: "object",
    properties: {
      callers: {
        description: "Services that may call; those outside of the namespace default as namespace/service.",
        type: "array",
        items: { type: "string" },
        default: ["web"],
      },
    },
  },
  hooks: {
    // Asked for requests that a policy names this plugin for. They wait for the answer.
    async authorize({ source, config }) {
      if (source.identity === "") return deny("call through the mesh, which proves who calls", { status: 401 });
      const caller = source.namespace === "default" ? source.service : `${source.namespace}/${source.service}`;
      // Only the caller counts here, so an answer is good for all its requests; add "path" when the path counts, too.
      const reuse = { ttl: "5s", vary: ["source"] } as const;
      return config.callers.includes(caller) ? allow(reuse) : deny(`${caller} is not on the list`, reuse);
    },
  },
});
