export {
  connectionFacts,
  type DescribedRequest,
  describeRequest,
  hostAndPort,
  isGrpc,
  type RequestContext,
  requestFacts,
} from "./facts/describe.ts";
export { isForwardedIdentity } from "./facts/forwarded-identity-headers.ts";
export {
  connectionOptions,
  ERROR_HEADER,
  HeaderKind,
  type HeaderList,
  headerKind,
  IDENTITY_LIKE,
  POLICY_HEADER,
  UNPROCESSED_HEADER,
  VISITED_HEADER,
  without,
} from "./facts/header-kinds.ts";
export { foldEnd, foldPath, isAmbiguous, type NormalPath, normalizeEscapes, normalizePath } from "./facts/path.ts";
export {
  type Identity,
  identityOf,
  type RequestFacts,
  type ResponseFacts,
  type SourceFacts,
  type TargetFacts,
} from "./facts/request-facts.ts";
export { methodOf, routeOf } from "./facts/route-name.ts";
export { type Backoff, type BackoffOptions, createBackoff, pause } from "./flow/backoff.ts";
export { type Breaker, type BreakerOptions, createBreaker } from "./flow/breaker.ts";
export { type Cancel, type Clock, pauseOn, type TimerOptions } from "./flow/clock.ts";
export { within } from "./flow/deadline.ts";
export { type KeepStreamOptions, type KeptStream, keepStream, type StreamState } from "./flow/keep-stream.ts";
export { createLruCache, type LruCache } from "./flow/lru-cache.ts";
export { createMailbox, type Mailbox, type MailboxOptions } from "./flow/mailbox.ts";
export { rendezvousOrder } from "./flow/rendezvous.ts";
export { createTokenBucket, type TokenBucket, type TokenBucketOptions } from "./flow/token-bucket.ts";
export { createWakeup, type Wakeup } from "./flow/wakeup.ts";
export { LATENCY_BOUNDS_MS, LATENCY_BUCKETS, latencyBucket } from "./latency-buckets.ts";
export {
  type Authority,
  AuthorityError,
  DEFAULT_PORT,
  parseAuthority,
  tryParseAuthority,
  whyNoAuthority,
} from "./name/authority.ts";
export { DNS_LABEL_PATTERN, isDnsLabel } from "./name/dns-label.ts";
export { type HostPort, isPort, joinHostPort, splitHostPort } from "./name/host-port.ts";
export {
  CLUSTER_DOMAIN,
  DEFAULT_NAMESPACE,
  parseServiceHost,
  parseServiceKey,
  type ServiceRef,
  serviceHost,
  serviceKey,
} from "./name/service-ref.ts";
export {
  isSpiffeId,
  parseSpiffeId,
  readIdentity,
  type SpiffeId,
  spiffeId,
  splitSpiffeId,
  TRUST_DOMAIN,
} from "./name/spiffe.ts";
export { parseWorkloadName, workloadName } from "./name/workload-name.ts";
export { type Cidr, cidrs, parseCidr } from "./net/cidr.ts";
export {
  isMetadataName,
  PRIVATE_NETWORKS,
  whyForbidden,
  whyNeverEndpoint,
  whyNotEndpointAddress,
} from "./net/forbidden-addresses.ts";
export { carriedIpv4, type Ip, isLoopback, parseIp } from "./net/ip.ts";
export { AnswerError } from "./plugin/answer-error.ts";
export { CHAIN_ORDER, MAX_CHAIN_ORDER } from "./plugin/chain-order.ts";
export {
  DECISION_HOOKS,
  type DecisionHook,
  HOOK_KINDS,
  HOOK_NAMES,
  type HookKind,
  type HookName,
  hookConcurrency,
  hookKind,
  hookNameOf,
  PLANNED_HOOKS,
} from "./plugin/hook-kinds.ts";
export { isRecord } from "./record.ts";
export { DURATION_HINT, durationText, parseDuration } from "./text/duration.ts";
export { errorMessage } from "./text/error-message.ts";
export { nearest, suggestion } from "./text/nearest.ts";
export { originText, problemText } from "./text/origin-text.ts";
export { preciseDuration, preciseMs } from "./text/precise-duration.ts";
export { clip, escaped, printable } from "./text/printable.ts";
