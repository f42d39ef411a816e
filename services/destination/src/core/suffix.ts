import type { Authority } from "@patchbay/model";

/** Suffixes of authorities, on label borders, with or without a port. Empty: every authority. */
export interface Suffixes {
  readonly texts: readonly string[];
  matches(authority: Authority): boolean;
}

/**
 * "corp.example" matches "corp.example" and "db.corp.example" but not "mycorp.example"; with ":8080" only that port.
 * A leading "." or "*." means the same. The short form of a mesh name counts too: "users" matches
 * "users.default.svc.cluster.local".
 */
export function parseSuffixes(texts: readonly string[]): Suffixes {
  const rules = texts.map(parseSuffix);
  return {
    texts,
    matches: (authority) => rules.length === 0 || rules.some((rule) => rule(authority)),
  };
}

function parseSuffix(text: string): (authority: Authority) => boolean {
  const [, host = "", port] = /^(?:\*?\.)?(.*?)\.?(?::(\d+))?$/s.exec(text.toLowerCase()) ?? [];
  const within = (name: string): boolean => name === host || name.endsWith(`.${host}`);
  return (authority) =>
    (port === undefined || authority.port === Number(port)) && (within(authority.host) || within(authority.shortHost));
}
