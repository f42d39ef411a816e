import type { RequestFacts } from "@patchbay/model";
import type { RouteMatch } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { allOf, type Condition } from "../authorization/condition.ts";
import { headerValue } from "../match/headers.ts";
import { compilePathMatch, compileValue } from "../match/value-match.ts";

/** One match of a route: all that is set must hold. Throws RuleError. */
export function compileRouteMatch(match: RouteMatch): Condition<RequestFacts> {
  const { port, grpc, method, path, headers, queryParams } = match;
  const conditions: Condition<RequestFacts>[] = [];
  if (port !== 0) conditions.push(portIs(port));
  if (grpc) conditions.push(isGrpc);
  if (method !== "") conditions.push(methodIs(method));
  if (path !== undefined) conditions.push(onPath(compilePathMatch(path)));
  for (const header of headers) conditions.push(onHeader(header.name.toLowerCase(), compileValue(header, "header")));
  for (const parameter of queryParams)
    conditions.push(onQuery(parameter.name, compileValue(parameter, "query parameter")));
  return allOf(conditions);
}

const DEFAULT_PORT = 80;

function portIs(port: number): Condition<RequestFacts> {
  return {
    holds: (facts) => (facts.port ?? DEFAULT_PORT) === port,
    why: (facts) => `the port is ${facts.port ?? DEFAULT_PORT}, not ${port}`,
  };
}

const isGrpc: Condition<RequestFacts> = {
  holds: ({ protocol }) => protocol === "grpc",
  why: () => "it is no gRPC request",
};

function methodIs(method: string): Condition<RequestFacts> {
  return { holds: (facts) => facts.method === method, why: (facts) => `the method is ${facts.method}, not ${method}` };
}

function onPath(path: Condition<string>): Condition<RequestFacts> {
  return { holds: (facts) => path.holds(facts.path), why: (facts) => path.why(facts.path) };
}

function onHeader(name: string, value: Condition<string | undefined>): Condition<RequestFacts> {
  return {
    holds: ({ headers }) => value.holds(headerValue(headers, name)),
    why: ({ headers }) => value.why(headerValue(headers, name)),
  };
}

/** Of a parameter that comes more than once, the first counts. */
function onQuery(name: string, value: Condition<string | undefined>): Condition<RequestFacts> {
  const read = ({ query }: RequestFacts): string | undefined => new URLSearchParams(query).get(name) ?? undefined;
  return { holds: (facts) => value.holds(read(facts)), why: (facts) => value.why(read(facts)) };
}
