import { definePlugin, grant, refuse } from "mesh-sdk";

/** Requests that are left, by policy, limit and key. They come back with time, up to the limit's burst. */
const buckets = new Map<string, { readonly left: number; readonly at: number }>();
const maxBuckets = 10_000;

export default definePlugin({
  name: "{{name}}",
  version: "0.1.0",
  hooks: {
    // Every proxy asks for a number of requests, lets them pass on its own, and asks again before they are used up.
    async ratelimit({ policy, limit, key, requests, perMs, burst, wanted, unspent }) {
      const name = JSON.stringify([policy, limit, ...key]);
      const at = performance.now();
      const bucket = buckets.get(name) ?? { left: burst, at };
      const left = Math.min(burst, bucket.left + unspent + ((at - bucket.at) * requests) / perMs);
      // Half of what is there, so that something is left for the next proxy that asks.
      const granted = Math.min(wanted, Math.ceil(Math.floor(left) / 2));
      keep(name, { left: left - granted, at });
      return granted > 0
        ? grant(granted, { validFor: Math.max(100, perMs / 10) })
        : refuse({ retryAfter: perMs / requests });
    },
  },
});

/** Evicts the least recently used bucket: keys may come from requests, so their number is unbounded. */
function keep(name: string, bucket: { readonly left: number; readonly at: number }) {
  buckets.delete(name);
  buckets.set(name, bucket);
  const [oldest] = buckets.keys();
  if (buckets.size > maxBuckets && oldest !== undefined) buckets.delete(oldest);
}
