import { durationMs } from "@bufbuild/protobuf/wkt";
import { durationText } from "@patchbay/model";
import type { HeaderChange, Mirror, Retry, RouteRule } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";

/** What a rule does beside choosing a backend, one line each. */
export function routeEffects(rule: RouteRule): readonly string[] {
  const { requestTimeout, backendRequestTimeout, retry, requestHeaders, responseHeaders, mirrors, backends } = rule;
  const dead = backends.length > 0 && backends.every(({ weight }) => weight === 0);
  return [
    ...(dead ? ["every backend has weight 0, so it is answered 500"] : []),
    ...(requestTimeout ? [`answered 504 after ${durationText(durationMs(requestTimeout))}`] : []),
    ...(backendRequestTimeout ? [`each try is given up after ${durationText(durationMs(backendRequestTimeout))}`] : []),
    ...(retry ? [retryLine(retry)] : []),
    ...headerLines("request", requestHeaders),
    ...headerLines("response", responseHeaders),
    ...mirrors.map(mirrorLine),
  ];
}

function retryLine({ attempts, codes, grpcCodes, backoff }: Retry): string {
  const on = [...codes.map(String), ...grpcCodes.map((code) => `gRPC ${code}`)].join(", ");
  const pause = backoff ? `, ${durationText(durationMs(backoff))} apart and doubling` : "";
  return `tried again up to ${attempts} ${attempts === 1 ? "time" : "times"}${on === "" ? "" : ` on ${on}`}${pause}`;
}

function headerLines(of: string, change: HeaderChange | undefined): readonly string[] {
  if (change === undefined) return [];
  return [
    ...change.set.map(({ name, value }) => `sets ${of} header ${name}: ${value}`),
    ...change.add.map(({ name, value }) => `adds ${of} header ${name}: ${value}`),
    ...change.remove.map((name) => `removes ${of} header ${name}`),
  ];
}

function mirrorLine({ authority, numerator, denominator }: Mirror): string {
  const share = denominator === 0 ? "every request" : `${numerator} of ${denominator} requests`;
  return `copies ${share} to ${authority}`;
}
