/** Upper bounds in seconds; one more bucket has the rest. */
const BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** A histogram's name, help text and labels; `outcome` is always one of them. */
export interface SecondsOptions {
  readonly name: string;
  readonly help: string;
  /** Such as "event" or "hook". */
  readonly label: string;
  readonly plugin: string;
}

interface Series {
  readonly what: string;
  readonly outcome: string;
  /** By bucket, not cumulative. */
  readonly counts: number[];
  sum: number;
}

/** How long the author's functions took, by which one and how it ended. */
export interface Seconds {
  observe(what: string, outcome: string, seconds: number): void;
  /** As a histogram in Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats. */
  text(): string;
}

/** Counts by itself, because a client library takes longer to find a call's labels than the SDK takes with the call. */
export function createSeconds(options: SecondsOptions): Seconds {
  const series: Series[] = [];
  const find = (what: string, outcome: string): Series => {
    // A handful: classes of events or hooks, times a few outcomes.
    for (const each of series) if (each.outcome === outcome && each.what === what) return each;
    const added = { what, outcome, counts: Array.from({ length: BOUNDS.length + 1 }, () => 0), sum: 0 };
    series.push(added);
    return added;
  };
  return {
    observe(what, outcome, seconds) {
      const found = find(what, outcome);
      let bucket = 0;
      while (seconds > (BOUNDS[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
      found.counts[bucket] = (found.counts[bucket] ?? 0) + 1;
      found.sum += seconds;
    },
    text() {
      const { name, help } = options;
      const head = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
      return [...head, ...series.flatMap((each) => lines(options, each)), ""].join("\n");
    },
  };
}

function lines({ name, label, plugin }: SecondsOptions, { what, outcome, counts, sum }: Series): string[] {
  const labels = `${label}="${what}",outcome="${outcome}",plugin="${plugin}"`;
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return `${name}_bucket{le="${BOUNDS[index] ?? "+Inf"}",${labels}} ${total}`;
  });
  return [...buckets, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${total}`];
}
