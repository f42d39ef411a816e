/** A YAML document in the shape of a Kubernetes resource. */
export interface Resource<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    /** RFC 3339 in UTC; where Gateway API prefers the oldest. */
    readonly creationTimestamp?: string;
  };
  readonly spec: Spec;
  readonly file: string;
}

/** Something wrong in a file, at a place that an editor can jump to. */
export interface Problem {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
}

/** "services.yaml:12: spec.endpoints[0].port must be <= 65535 (hint)" */
export function problemText({ file, line, message, hint }: Problem): string {
  return `${file}:${line}: ${message}${hint ? ` (${hint})` : ""}`;
}
