/** Where spans go and which are made. */
interface TraceSettings {
  /** Takes ExportTraceServiceRequest in binary form. */
  readonly url: URL;
  /** Fields of each request, such as a key for the collector. Secrets: never logged. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sampler: SamplerSettings;
}

export interface SamplerSettings {
  /** The parent's decision counts. */
  readonly parentBased: boolean;
  /** Share of the traces that begin here (of all, when not parentBased), 0 to 1. */
  readonly ratio: number;
}

/** `settings` undefined: no traces are made. `problems`: sentences for people, about variables that are not followed. */
interface ReadTraceSettings {
  readonly settings: TraceSettings | undefined;
  readonly problems: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads OpenTelemetry's variables: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (as it is) or OTEL_EXPORTER_OTLP_ENDPOINT (/v1/traces is
 * added), their _HEADERS and _PROTOCOL, OTEL_TRACES_SAMPLER with its _ARG, OTEL_TRACES_EXPORTER, OTEL_SDK_DISABLED. Without an
 * endpoint no traces are made. Never throws: a wrong variable of an observer stops no program.
 */
export function readTraceSettings(env: Environment): ReadTraceSettings {
  const problems: string[] = [];
  const off = env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || env["OTEL_TRACES_EXPORTER"] === "none";
  const url = off ? undefined : endpointOf(env, problems);
  if (url === undefined || !speaksProtobuf(env, problems)) return { settings: undefined, problems };
  const settings = { url, headers: headersOf(env, problems), sampler: samplerOf(env, problems) };
  return { settings, problems };
}

/** OpenTelemetry treats an empty variable like an unset one. */
function firstSet(env: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((text) => text !== undefined && text !== "");
}

function endpointOf(env: Environment, problems: string[]): URL | undefined {
  const traces = firstSet(env, ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) !== undefined;
  const name = traces ? "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" : "OTEL_EXPORTER_OTLP_ENDPOINT";
  const text = env[name] ?? "";
  if (text === "") return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    problems.push(`${name} must look like http://127.0.0.1:4318, not "${text}": no traces are made`);
    return undefined;
  }
  if (!traces) url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  return url;
}

function speaksProtobuf(env: Environment, problems: string[]): boolean {
  const protocol =
    firstSet(env, ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) ?? "http/protobuf";
  if (protocol === "http/protobuf") return true;
  problems.push(
    `traces are sent by http/protobuf (port 4318 of most collectors), not by ${protocol}: set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf and an endpoint that takes it. No traces are made`,
  );
  return false;
}

/** Field names as RFC 9110 §5.6.2 has them, and values without what would end the field. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function headersOf(env: Environment, problems: string[]): Record<string, string> {
  const text = firstSet(env, ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]) ?? "";
  const headers: Record<string, string> = {};
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, Math.max(at, 0)).trim();
    const value = decoded(pair.slice(at + 1).trim());
    if (NAME.test(name) && VALUE.test(value)) headers[name.toLowerCase()] = value;
    // Prints neither name nor value: without "=", a secret may stand in either place.
    else problems.push("OTEL_EXPORTER_OTLP_HEADERS must look like name=value,name=value: one of them is left out");
  }
  return headers;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function samplerOf(env: Environment, problems: string[]): SamplerSettings {
  const name = firstSet(env, ["OTEL_TRACES_SAMPLER"]) ?? "parentbased_traceidratio";
  const parentBased = name.startsWith("parentbased_");
  switch (parentBased ? name.slice("parentbased_".length) : name) {
    case "always_on":
      return { parentBased, ratio: 1 };
    case "always_off":
      return { parentBased, ratio: 0 };
    case "traceidratio":
      return { parentBased, ratio: ratioOf(env, problems) };
    default:
      problems.push(`OTEL_TRACES_SAMPLER "${name}" is not known: all traces that begin here are kept`);
      return { parentBased: true, ratio: 1 };
  }
}

function ratioOf(env: Environment, problems: string[]): number {
  const text = firstSet(env, ["OTEL_TRACES_SAMPLER_ARG"]) ?? "1";
  const ratio = Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  problems.push(`OTEL_TRACES_SAMPLER_ARG must be a share from 0 to 1, not "${text}": 1 is taken`);
  return 1;
}
