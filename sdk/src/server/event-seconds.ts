import type { EventName } from "../model/events.ts";

/** Upper bounds in seconds; one more bucket has the rest. */
const bounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

interface Series {
  readonly event: EventName;
  readonly outcome: string;
  /** By bucket, each on its own. */
  readonly counts: number[];
  sum: number;
}

/** How long handlers took, by event and outcome. */
export interface EventSeconds {
  observe(event: EventName, outcome: string, seconds: number): void;
  /** As a histogram in Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats. */
  text(): string;
}

/** Counts by itself, because a client library takes longer to find an event's labels than the SDK takes with the event. */
export function createEventSeconds(name: string, plugin: string): EventSeconds {
  const series: Series[] = [];
  const find = (event: EventName, outcome: string): Series => {
    // A handful: the classes of events times three outcomes.
    for (const each of series) if (each.outcome === outcome && each.event === event) return each;
    const added = { event, outcome, counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 };
    series.push(added);
    return added;
  };
  return {
    observe(event, outcome, seconds) {
      const found = find(event, outcome);
      let bucket = 0;
      while (seconds > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
      found.counts[bucket] = (found.counts[bucket] ?? 0) + 1;
      found.sum += seconds;
    },
    text() {
      const help = `# HELP ${name} Time in the event's handler, by what became of the event.`;
      return [help, `# TYPE ${name} histogram`, ...series.flatMap((each) => lines(name, plugin, each)), ""].join("\n");
    },
  };
}

function lines(name: string, plugin: string, { event, outcome, counts, sum }: Series): string[] {
  const labels = `event="${event}",outcome="${outcome}",plugin="${plugin}"`;
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return `${name}_bucket{le="${bounds[index] ?? "+Inf"}",${labels}} ${total}`;
  });
  return [...buckets, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${total}`];
}
