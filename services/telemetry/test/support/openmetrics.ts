import assert from "node:assert/strict";

/** One sample line of an OpenMetrics text. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
    readonly time: number;
  };
}

const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"`;
const labels = String.raw`\{(?:${label}(?:,${label})*)?\}`;
const number = String.raw`(?:[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|Inf)|[Nn]a[Nn])`;
const samplePattern = new RegExp(
  String.raw`^([a-zA-Z_:][\w:]*)(${labels})? (${number})(?: # (${labels}) (${number}) (${number}))?$`,
);
const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total", "_created"],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count", "_created"],
  summary: ["", "_sum", "_count", "_created"],
  unknown: [""],
};

/**
 * Reads an OpenMetrics text as strictly as the specification is written
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/), and fails at the first line that breaks it.
 */
export function readOpenMetrics(text: string): readonly Sample[] {
  assert.ok(text.endsWith("\n# EOF\n"), "the text ends with # EOF");
  const lines = text.slice(0, -"# EOF\n".length).split("\n").slice(0, -1);
  const described = new Set<string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  let family = "";
  let type = "unknown";
  for (const line of lines) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line) ?? [];
    if (keyword) {
      assert.ok(!described.has(`${keyword} ${name}`), `${keyword} comes once a family: ${line}`);
      described.add(`${keyword} ${name}`);
      if (name !== family) type = "unknown";
      family = name;
      if (keyword === "TYPE") type = rest;
      if (keyword === "HELP") assert.match(rest, /^(?:[^"\\]|\\[\\"n])*$/, line);
      assert.ok(type in suffixes, line);
      continue;
    }
    const sample = readSample(line);
    assert.ok(
      suffixes[type]?.some((suffix) => sample.name === family + suffix),
      `${line} is of family ${family}`,
    );
    const series = keyOf(sample.name, sample.labels);
    assert.ok(!seen.has(series), `a series comes once: ${line}`);
    seen.add(series);
    checkExemplar(sample, line);
    samples.push(sample);
  }
  checkHistograms(samples);
  return samples;
}

function readSample(line: string): Sample {
  const found = samplePattern.exec(line);
  assert.ok(found, `not a sample: ${line}`);
  const [, name = "", own = "{}", value, exemplarLabels, exemplarValue, time] = found;
  const sample = { name, labels: readLabels(own), value: readNumber(value) };
  if (exemplarLabels === undefined) return sample;
  const exemplar = { labels: readLabels(exemplarLabels), value: readNumber(exemplarValue), time: readNumber(time) };
  return { ...sample, exemplar };
}

function readLabels(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, name = "", value = ""]) => [
    name,
    value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped)),
  ]);
  const read = Object.fromEntries(pairs);
  assert.equal(Object.keys(read).length, pairs.length, `a label comes once: ${text}`);
  return read;
}

function readNumber(text = ""): number {
  return Number(text.replace("Inf", "Infinity").replace("+", ""));
}

function checkExemplar({ name, labels: own, exemplar }: Sample, line: string): void {
  if (!exemplar) return;
  assert.ok(name.endsWith("_bucket"), `exemplars stand at buckets: ${line}`);
  assert.ok(Object.entries(exemplar.labels).flat().join("").length <= 128, `128 characters at most: ${line}`);
  assert.ok(exemplar.value <= readNumber(own.le), `the bucket holds its exemplar: ${line}`);
}

/** Buckets grow, end with +Inf, and that one is the count. */
function checkHistograms(samples: readonly Sample[]): void {
  const counts = new Map(samples.map(({ name, labels: own, value }) => [keyOf(name, own), value]));
  let before: { key: string; le: number; value: number } | undefined;
  for (const { name, labels: own, value } of samples.filter((sample) => sample.name.endsWith("_bucket"))) {
    const { le = "", ...rest } = own;
    const key = keyOf(name.replace(/_bucket$/, "_count"), rest);
    if (before?.key === key) {
      assert.ok(before.le < readNumber(le), `bounds grow: ${key}`);
      assert.ok(before.value <= value, `buckets are cumulative: ${key}`);
    } else assert.ok(!before || before.le === Number.POSITIVE_INFINITY, `the last bucket is +Inf: ${before?.key}`);
    if (le === "+Inf") assert.equal(counts.get(key), value, key);
    before = { key, le: readNumber(le), value };
  }
}

function keyOf(name: string, own: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(own).map((pair) => JSON.stringify(pair));
  return `${name} ${pairs.sort().join()}`;
}
