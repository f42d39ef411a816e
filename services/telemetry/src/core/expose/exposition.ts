import { LATENCY_BOUNDS_MS } from "@patchbay/model";
import type { Aggregate } from "../aggregate/aggregate.ts";
import type { Exemplar } from "../aggregate/exemplars.ts";
import {
  TOTAL_BUCKETS,
  TOTAL_COUNT,
  TOTAL_LATENCY_US,
  TOTAL_REQUEST_BYTES,
  TOTAL_RESPONSE_BYTES,
  TOTAL_RETRIES,
  TOTALS,
} from "../aggregate/group-table.ts";
import { snapshotTotals } from "../aggregate/group-totals.ts";
import { extrasText } from "./extras-exposition.ts";
import { type Family, head, type TextFormat } from "./metric-family.ts";
import { groupLabels, seriesLabels } from "./metric-labels.ts";

/** Size of a piece of text in UTF-16 units: about what can be built without holding up the loop. */
const CHUNK = 64 * 1024;

const bucketNames = [...LATENCY_BOUNDS_MS.map(String), "+Inf"].map((le) => `,le="${le}"} `);

/**
 * Text of everything in an aggregate for Prometheus, in pieces of about 64 KB, so that whoever sends it
 * can let other work run in between; some are empty. Series that appear or vanish meanwhile are in it or not.
 *
 * Label text is kept between calls for as long as an id is used; `forget` after a sweep, which gives ids out anew.
 */
export class Exposition {
  readonly #aggregate: Aggregate;
  readonly #ofGroup: (string | undefined)[] = [];
  readonly #ofSeries: (string | undefined)[] = [];
  /** Of all groups, from when the text was begun. */
  #totals: Float64Array = new Float64Array();
  #format: TextFormat = "prometheus";

  constructor(aggregate: Aggregate) {
    this.#aggregate = aggregate;
  }

  /** Drops the kept label text. */
  forget(): void {
    this.#ofGroup.length = 0;
    this.#ofSeries.length = 0;
  }

  /** In OpenMetrics latency buckets have exemplars; the `# EOF` is left to whoever knows that nothing follows. */
  *chunks(format: TextFormat, now: number): Iterable<string> {
    const { groups, windows } = this.#aggregate;
    const snapshot = snapshotTotals(groups, windows);
    let step = snapshot.next();
    for (; !step.done; step = snapshot.next()) yield "";
    this.#totals = step.value;
    this.#format = format;
    let chunk = "";
    for (const piece of this.#pieces(now)) {
      chunk += piece;
      if (chunk.length < CHUNK) continue;
      yield chunk;
      chunk = "";
    }
    if (chunk !== "") yield chunk;
  }

  *#pieces(now: number): Iterable<string> {
    yield* this.#groupCounter(
      { name: "request_total", type: "counter", help: "Total count of HTTP requests." },
      TOTAL_COUNT,
    );
    yield* this.#responses();
    yield* this.#histogram(
      {
        name: "response_latency_ms",
        type: "histogram",
        help: "Time from a request's head to the end of its response.",
      },
      false,
    );
    yield* this.#groupCounter(
      { name: "request_retries_total", type: "counter", help: "Requests that needed more than one try." },
      TOTAL_RETRIES,
    );
    yield* this.#groupCounter(
      { name: "request_bytes_total", type: "counter", help: "Bytes of request bodies." },
      TOTAL_REQUEST_BYTES,
    );
    yield* this.#groupCounter(
      { name: "response_bytes_total", type: "counter", help: "Bytes of response bodies." },
      TOTAL_RESPONSE_BYTES,
    );
    yield* this.#tcp();
    yield* extrasText(this.#aggregate, this.#format, now);
  }

  *#tcp(): Iterable<string> {
    const { series } = this.#aggregate;
    const count = (id: number): number => series.counts[id] ?? 0;
    const open = (id: number): number => Math.max(0, series.open[id] ?? 0);
    yield* this.#connections(
      { name: "tcp_open_total", type: "counter", help: "Opaque connections opened." },
      (id) => count(id) + open(id),
    );
    yield* this.#connections({ name: "tcp_close_total", type: "counter", help: "Opaque connections closed." }, count);
    yield* this.#connections(
      { name: "tcp_open_connections", type: "gauge", help: "Opaque connections open now." },
      open,
    );
    yield* this.#tcpBytes({ name: "tcp_read_bytes_total", type: "counter", help: "Bytes read from the peer." }, "read");
    yield* this.#tcpBytes(
      { name: "tcp_write_bytes_total", type: "counter", help: "Bytes written to the peer." },
      "written",
    );
    yield* this.#histogram(
      { name: "tcp_connection_duration_ms", type: "histogram", help: "How long opaque connections were open." },
      true,
    );
  }

  *#groupCounter(family: Family, column: number): Iterable<string> {
    yield head(family, this.#format);
    for (const group of this.#groups(false)) {
      yield `${family.name}{${this.#groupText(group)}} ${this.#totals[group * TOTALS + column] ?? 0}\n`;
    }
  }

  /** The peer of an outbound proxy is the destination, of an inbound one the client. */
  *#tcpBytes(family: Family, way: "read" | "written"): Iterable<string> {
    const { groups } = this.#aggregate;
    yield head(family, this.#format);
    for (const group of this.#groups(true)) {
      const outbound = groups.outbound(group);
      const column = outbound === (way === "read") ? TOTAL_RESPONSE_BYTES : TOTAL_REQUEST_BYTES;
      const peer = outbound ? "dst" : "src";
      yield `${family.name}{${this.#groupText(group)},peer="${peer}"} ${this.#totals[group * TOTALS + column] ?? 0}\n`;
    }
  }

  *#responses(): Iterable<string> {
    const help = "Total count of HTTP responses, and of requests without one.";
    yield head({ name: "response_total", type: "counter", help }, this.#format);
    for (const id of this.#series(false)) {
      yield `response_total{${this.#seriesText(id)}} ${this.#aggregate.series.counts[id] ?? 0}\n`;
    }
  }

  *#connections(family: Family, value: (id: number) => number): Iterable<string> {
    yield head(family, this.#format);
    for (const id of this.#series(true)) yield `${family.name}{${this.#seriesText(id)}} ${value(id)}\n`;
  }

  *#histogram(family: Family, opaque: boolean): Iterable<string> {
    yield head(family, this.#format);
    for (const group of this.#groups(opaque)) yield this.#histogramOf(family.name, group);
  }

  #histogramOf(name: string, group: number): string {
    const labels = this.#groupText(group);
    const bucketOf = `${name}_bucket{${labels}`;
    const totals = this.#totals.subarray(group * TOTALS, (group + 1) * TOTALS);
    const exemplars = this.#format === "openmetrics" ? this.#aggregate.exemplars.of(group) : undefined;
    let text = "";
    let below = 0;
    for (let bucket = 0; bucket < bucketNames.length; bucket++) {
      below += totals[TOTAL_BUCKETS + bucket] ?? 0;
      text += `${bucketOf}${bucketNames[bucket]}${below}${exemplarText(exemplars?.[bucket])}\n`;
    }
    const sum = (totals[TOTAL_LATENCY_US] ?? 0) / 1_000;
    return `${text}${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${below}\n`;
  }

  *#groups(opaque: boolean): Iterable<number> {
    const { groups } = this.#aggregate;
    for (let id = 0; id < groups.bound; id++) if (groups.has(id) && groups.opaque(id) === opaque) yield id;
  }

  *#series(opaque: boolean): Iterable<number> {
    const { groups, series } = this.#aggregate;
    for (let id = 0; id < series.bound; id++)
      if (series.has(id) && groups.opaque(series.group(id)) === opaque) yield id;
  }

  #groupText(group: number): string {
    const { groups, labels } = this.#aggregate;
    this.#ofGroup[group] ??= groupLabels(groups, labels, group);
    return this.#ofGroup[group] ?? "";
  }

  #seriesText(id: number): string {
    this.#ofSeries[id] ??= seriesLabels(this.#aggregate, id);
    return this.#ofSeries[id] ?? "";
  }
}

/** As OpenMetrics writes it behind a bucket that counts it; the time in seconds. */
function exemplarText(exemplar: Exemplar | undefined): string {
  if (!exemplar) return "";
  const { traceId, spanId, latencyMs, atMs } = exemplar;
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${latencyMs} ${atMs / 1_000}`;
}
