/** Variables as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Programs speak to themselves and their neighbours on this machine without us. */
const STAYS_LOCAL = "localhost,127.0.0.1,::1";

/**
 * The variables by which a program sends its calls through the sidecar's outbound port on loopback. Pure: what to set, not
 * what is set.
 *
 * - curl, Python, Go, axios and most others read http_proxy and https_proxy in one spelling or the other (curl ignores the
 *   upper-case HTTP_PROXY, Go and Python take either).
 * - Node reads them from version 24 on, when NODE_USE_ENV_PROXY is set. Older Node's `fetch` cannot be captured, nor can a bare
 *   `node:http2` client: they may use MESH_OUTBOUND_URL with a Host field of their choice.
 * - grpc-js reads grpc_proxy before the others; Go's and Java's gRPC read https_proxy.
 * - no_proxy of the environment is dropped but for this machine: it could name mesh services, and for whatever leaves the mesh
 *   the sidecar itself keeps to it. all_proxy stays: those who read it prefer the ones above.
 */
export function captureEnvironment(port: number, environment: Environment = {}): Record<string, string> {
  const proxy = `http://127.0.0.1:${port}`;
  const captured: Record<string, string> = { NODE_USE_ENV_PROXY: "1", MESH_OUTBOUND_URL: proxy };
  for (const name of ["http_proxy", "https_proxy", "grpc_proxy"]) {
    captured[name] = proxy;
    captured[name.toUpperCase()] = proxy;
  }
  for (const name of ["no_proxy", "NO_PROXY", "no_grpc_proxy", "NO_GRPC_PROXY"])
    if (name.toLowerCase() === "no_proxy" || environment[name] !== undefined) captured[name] = STAYS_LOCAL;
  return captured;
}
