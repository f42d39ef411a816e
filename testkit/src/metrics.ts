/** The sum of all samples of a metric in Prometheus text whose line begins so: `name`, or `name{label="…"`. */
export function sumOf(text: string, start: string): number {
  const lines = text.split("\n").filter((line) => line.startsWith(start));
  return lines.map((line) => Number(line.split(" ").at(-1))).reduce((sum, value) => sum + value, 0);
}
