/**
 * Request fields by which other meshes forward the caller's identity, the destination, or decisions. From a client they are
 * unproven: a program behind this sidecar must not take them for proof, and they must not steer another proxy.
 *
 * All of `l5d-*` and `mesh-*`, and of `x-envoy-*` everything but what Envoy lets clients ask for. With "_" for "-" too: to programs
 * behind CGI, WSGI and the like both are one name.
 */
export function isForwardedIdentity(name: string): boolean {
  // Runs for every field of every request: two characters tell nearly all of them apart.
  const first = name.charCodeAt(0) | LOWER;
  if (first === X) return isProxyClaim(name);
  if (first === L) return name.charCodeAt(1) === FIVE && dashed(name).startsWith("l5d-");
  return first === M && (name.charCodeAt(3) | LOWER) === H && dashed(name).startsWith("mesh-");
}

function isProxyClaim(name: string): boolean {
  const third = name.charCodeAt(2) | LOWER;
  if (third === E) return isEnvoyClaim(dashed(name));
  return third === F && name.length === CERTIFICATE.length && dashed(name) === CERTIFICATE;
}

function dashed(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

const LOWER = 0x20;
const X = 0x78;
const E = 0x65;
const L = 0x6c;
const M = 0x6d;
const FIVE = 0x35;
const F = 0x66;
const H = 0x68;
const CERTIFICATE = "x-forwarded-client-cert";

/** Timeouts and retries of one request: safe from clients, which could as well send the request again. */
const ASKED = new Set([
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-hedge-on-per-try-timeout",
  "x-envoy-max-retries",
  "x-envoy-retriable-header-names",
  "x-envoy-retriable-status-codes",
  "x-envoy-retry-grpc-on",
  "x-envoy-retry-on",
  "x-envoy-upstream-rq-per-try-timeout-ms",
  "x-envoy-upstream-rq-timeout-alt-response",
  "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-stream-duration-ms",
]);

function isEnvoyClaim(name: string): boolean {
  return name.startsWith("x-envoy-") && !ASKED.has(name);
}
