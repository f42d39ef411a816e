import { absent, definePlugin, rewrite } from "mesh-sdk";

export default definePlugin({
  name: "{{name}}",
  version: "0.1.0",
  config: {
    type: "object",
    properties: {
      table: {
        description: "Names that this plugin answers, and the service that each of them leads to.",
        type: "object",
        additionalProperties: { type: "string" },
        default: { "hello.{{name}}": "web" },
      },
    },
  },
  hooks: {
    // One generator runs per name that is asked for. Yield again when the answer changes.
    async *resolve({ authority, config }) {
      const service = config.table[authority.host];
      yield service === undefined ? absent() : rewrite(service);
    },
  },
  // Only names that end so are asked for here.
  options: { resolve: { suffixes: ["{{name}}"] } },
});
