import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { spawnDieWithParent } from "@patchbay/process";
import { eventually, freePort } from "@patchbay/testkit";

/** One element of an instant vector. */
export interface Row {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface SeriesExemplars {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: string }[];
}

/** A real Prometheus that scrapes one page every second and keeps exemplars. */
export interface Prometheus extends AsyncDisposable {
  query(promql: string): Promise<readonly Row[]>;
  /** Of the last 5 minutes. */
  exemplars(selector: string): Promise<readonly SeriesExemplars[]>;
  /** Errors of its targets. */
  scrapeErrors(): Promise<readonly string[]>;
}

export interface PrometheusOptions {
  /** Path of promtool, beside which prometheus lies. */
  readonly promtool: string;
  /** "http://host:port" whose /metrics is scraped, and the token that it asks for. */
  readonly address: string;
  readonly token: string;
}

const configuration = ({ address, token }: PrometheusOptions): string => `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: linkerd-proxy
    honor_labels: true
    authorization: { credentials: ${JSON.stringify(token)} }
    static_configs: [{ targets: [${JSON.stringify(new URL(address).host)}] }]
`;

export async function runPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const dir = mkdtempSync(join(tmpdir(), "patchbay-prometheus-"));
  writeFileSync(join(dir, "prometheus.yml"), configuration(options));
  const { promtool } = options;
  const program = promtool.includes("/") ? join(dirname(promtool), "prometheus") : "prometheus";
  const port = await freePort();
  const child = spawnDieWithParent(
    program,
    [
      `--config.file=${join(dir, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(dir, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--enable-feature=exemplar-storage",
      "--log.level=warn",
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const ask = async <Data>(path: string, parameters: Record<string, string>): Promise<Data> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${String(new URLSearchParams(parameters))}`);
    const { status, error, data } = (await answer.json()) as { status: string; error?: string; data: Data };
    if (status !== "success") throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  };
  const stop = async (): Promise<void> => {
    const ended = once(child, "exit");
    if (child.kill("SIGTERM")) await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await eventually(() => isReady(`http://127.0.0.1:${port}/-/ready`));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async query(query) {
      const { result } = await ask<{ result: { metric: Row["metric"]; value: [number, string] }[] }>("query", {
        query,
      });
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    exemplars: (query) => {
      const now = Date.now() / 1_000;
      return ask("query_exemplars", { query, start: String(now - 300), end: String(now + 60) });
    },
    async scrapeErrors() {
      const { activeTargets } = await ask<{ activeTargets: { lastError: string }[] }>("targets", {});
      return activeTargets.map(({ lastError }) => lastError).filter(Boolean);
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
