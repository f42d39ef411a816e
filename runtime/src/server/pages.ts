import type { App, PageHandler, PageResponse } from "../app.ts";
import { contentTypes, metricsFormatOf, OPEN_METRICS_END, toOpenMetrics } from "./metrics-format.ts";

interface PagesOptions {
  readonly apps: readonly App[];
  /** Prometheus text (0.0.4) of the process's own metrics. */
  metrics(): Promise<string>;
}

/** Pages without a token, for probes. */
export const OPEN_PAGES: ReadonlySet<string> = new Set(["/healthz", "/livez", "/readyz"]);

/** Health, readiness, metrics, and what the apps add. */
export function createPages({ apps, metrics }: PagesOptions): ReadonlyMap<string, PageHandler> {
  const alive: PageHandler = (_request, response) => send(response, 200, "text/plain", "ok\n");
  const pages = new Map<string, PageHandler>([
    ["/healthz", alive],
    ["/livez", alive],
    ["/readyz", (_request, response) => sendReadiness(response, apps)],
    ["/metrics", ({ headers }, response) => void sendMetrics(response, headers.accept, { apps, metrics })],
  ]);
  for (const app of apps) for (const [path, page] of app.pages ?? []) pages.set(path, page);
  if (!pages.has("/")) pages.set("/", createFrontPage(apps, [...pages.keys()]));
  return pages;
}

/** The page at the printed address: what is served here, and how to call it. */
function createFrontPage(apps: readonly App[], paths: readonly string[]): PageHandler {
  return (request, response) => {
    const { host, ":authority": authority = host } = request.headers;
    const address = `http://${String(authority)}`;
    const services = apps.map((app) => {
      const { ready, reason } = app.readiness();
      return `  ${app.name.padEnd(14)}${ready ? "ready" : `not ready: ${reason}`}`;
    });
    const text = [
      "Patchbay",
      "",
      ...services,
      "",
      `Pages, with the same token: ${paths.join(" ")}`,
      "Calls by Connect, gRPC or gRPC-Web, such as:",
      `  curl -H "authorization: Bearer $TOKEN" --json '{}' ${address}/mesh.registry.v1.Registry/List`,
      "",
    ];
    send(response, 200, "text/plain", text.join("\n"));
  };
}

export function send(response: PageResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": `${type}; charset=utf-8`, "x-content-type-options": "nosniff" });
  response.end(body);
}

/** 200 when all apps are ready, else 503; one JSON object either way. */
function sendReadiness(response: PageResponse, apps: readonly App[]): void {
  const services = apps.map((app) => ({ name: app.name, ...app.readiness() }));
  const ready = services.every((service) => service.ready);
  send(response, ready ? 200 : 503, "application/json", `${JSON.stringify({ ready, services })}\n`);
}

/** In the format that the client asks for. */
async function sendMetrics(
  response: PageResponse,
  accept: string | undefined,
  { apps, metrics }: PagesOptions,
): Promise<void> {
  const format = metricsFormatOf(accept);
  try {
    const [own, ...parts] = await Promise.all([metrics(), ...apps.map((app) => app.metrics?.(format) ?? "")]);
    response.writeHead(200, { "content-type": contentTypes[format], vary: "accept" });
    response.end(
      format === "prometheus" ? [own, ...parts].join("") : [toOpenMetrics(own), ...parts, OPEN_METRICS_END].join(""),
    );
  } catch (error) {
    send(response, 500, "text/plain", `metrics could not be collected: ${String(error)}\n`);
  }
}
