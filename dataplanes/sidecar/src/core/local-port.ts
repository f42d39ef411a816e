/** A local port that leads to one authority, as written "5432=postgres:5432". */
export interface LocalPortText {
  readonly port: number;
  readonly authority: string;
}

/** Undefined: it is not written PORT=AUTHORITY. */
export function parseLocalPort(text: string): LocalPortText | undefined {
  const match = /^(\d{1,5})=(\S{1,300})$/.exec(text);
  const port = Number(match?.[1]);
  const authority = match?.[2];
  return authority !== undefined && port >= 1 && port <= 65_535 ? { port, authority } : undefined;
}
