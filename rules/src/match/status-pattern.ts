/** Whether a status is one of those asked for; 0 stands for no answer. */
export type StatusTest = (status: number) => boolean;

type StatusResult =
  | { readonly ok: true; readonly test: StatusTest | undefined }
  | { readonly ok: false; readonly message: string; readonly hint: string };

const HINT = '"503", "5xx", "500-504", "0" for no answer; several with commas between';
const MAX_PARTS = 32;

/** Reads "503", "5xx", "500-504", "4xx,503". Empty: every status, and no test. */
export function compileStatus(text: string): StatusResult {
  if (text.trim() === "") return { ok: true, test: undefined };
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > MAX_PARTS) return { ok: false, message: `more than ${MAX_PARTS} statuses`, hint: HINT };
  const ranges: [number, number][] = [];
  for (const part of parts) {
    const range = rangeOf(part);
    if (range === undefined)
      return { ok: false, message: `${JSON.stringify(part.slice(0, 40))} is no status`, hint: HINT };
    ranges.push(range);
  }
  return { ok: true, test: (status) => ranges.some(([low, high]) => status >= low && status <= high) };
}

function rangeOf(part: string): [number, number] | undefined {
  const group = /^([1-5])xx$/i.exec(part)?.[1];
  if (group !== undefined) return [Number(group) * 100, Number(group) * 100 + 99];
  const [, low = "", high = low] = /^(0|[1-9]\d\d)(?:-([1-9]\d\d))?$/.exec(part) ?? [];
  if (low === "" || Number(low) > Number(high)) return undefined;
  return [Number(low), Number(high)];
}
