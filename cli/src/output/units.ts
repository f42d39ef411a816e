/** "12.3" for small numbers, "1.2k" for large ones. */
export function compact(value: number): string {
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)}M`;
  if (value >= 10_000) return `${(value / 1_000).toFixed(1)}k`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** How often a second: "6.2", and "0.02" for what came once a minute, which is not never. */
export function rate(perSecond: number): string {
  if (perSecond >= 10_000) return compact(perSecond);
  if (perSecond >= 0.1 || perSecond === 0) return perSecond.toFixed(1);
  return perSecond < 0.01 ? "<0.01" : perSecond.toFixed(2);
}

/** A share between 0 and 1 as "99.5%"; 100.0% only when nothing failed. */
export function percent(share: number): string {
  const shown = (share * 100).toFixed(1);
  return share < 1 && shown === "100.0" ? "99.9%" : `${shown}%`;
}

/** Milliseconds as people read them: "0.4ms", "12ms", "1.50s". */
export function latency(ms: number): string {
  if (!Number.isFinite(ms)) return "-";
  if (ms < 10) return `${ms.toFixed(1)}ms`;
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  return `${(ms / 1_000).toFixed(2)}s`;
}

/** A span of time as people say it: "3s", "1m", "5m12s", "2h4m", "3d". */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${rest(seconds % 60, "s")}`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h${rest(Math.floor((seconds % 3_600) / 60), "m")}`;
  return `${Math.floor(seconds / 86_400)}d`;
}

function rest(count: number, unit: string): string {
  return count === 0 ? "" : `${count}${unit}`;
}

/** The time of day as in all that Patchbay prints: "07:05:09". */
export function clock(date: Date): string {
  return date.toTimeString().slice(0, 8);
}
