import { definePlugin } from "mesh-sdk";
import { createLimiter } from "./limiter.ts";

/** Some 60 MB when all of them are in use. */
const MAX_KEYS = 100_000;
const limiter = createLimiter({ maxKeys: MAX_KEYS });

export default definePlugin({
  name: "ratelimit-global",
  version: "0.1.0",
  hooks: {
    // The monotonic clock: setting the machine's time makes no requests.
    ratelimit: (request) => limiter.lease(request, performance.now()),
  },
  // An answer takes microseconds. What waits longer is better decided by the policy's failure policy.
  options: { ratelimit: { deadline: "100ms", concurrency: 256 } },
});
