import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createTokenBucket, type RequestFacts, type TokenBucket } from "@patchbay/model";
import { InboundSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileLimits } from "@patchbay/rules";
import type { Decider } from "./deciders.ts";

/** A limit by source and header: which limits count, the bucket's key, the bucket, one token. */
export function limited(): Decider {
  const ref = { kind: "RateLimitPolicy", namespace: "default", name: "per-tenant" };
  const limit = { name: "all", by: ["source", "header:x-tenant"], requests: 1_000_000, per: durationFromMs(1_000) };
  const limits = compileLimits(create(InboundSchema, { rateLimits: [{ ref, limits: [limit] }] }));
  const buckets = new Map<string, TokenBucket>();
  const now = (): number => performance.now();
  const bucketOf = (id: string): TokenBucket => {
    const bucket = buckets.get(id) ?? createTokenBucket({ requests: 1_000_000, perMs: 1_000, burst: 0, now });
    buckets.set(id, bucket);
    return bucket;
  };
  return (facts) => limits.matching(facts).every(({ id }) => bucketOf(id).take());
}

/** The least that any limiter by source has to do. */
export function counted(): Decider {
  const counts = new Map<string, number>();
  return ({ source }: RequestFacts) => {
    const count = (counts.get(source.identity) ?? 0) + 1;
    counts.set(source.identity, count);
    return count > 0;
  };
}

/** The bucket alone. */
export function bucketOnly(): Decider {
  const bucket = createTokenBucket({ requests: 1_000_000_000, perMs: 1_000, burst: 0, now: () => performance.now() });
  return () => bucket.take();
}
