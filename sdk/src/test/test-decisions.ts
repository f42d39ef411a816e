import { spiffeId } from "@patchbay/model";
import { readCaller, readService } from "../model/caller.ts";
import type { AuthorizeRequest, Caller, RatelimitRequest } from "../public/plugin.ts";
import type { TestRequest } from "../public/test-kit.ts";

/** A whole request from what a test cares about. */
export function fillAuthorize({ source = "web", target = "users", ...given }: TestRequest = {}): AuthorizeRequest {
  return {
    method: "GET",
    path: "/",
    headers: {},
    policy: "default/test",
    ...given,
    source: caller(source),
    target: readService(target),
  };
}

function caller(text: string): Caller {
  if (text === "" || text.startsWith("spiffe://")) return readCaller(text);
  const { namespace, service } = readService(text);
  return readCaller(spiffeId({ namespace, name: service }));
}

/** A proxy's whole question from what a test cares about. */
export function fillRatelimit(given: Partial<RatelimitRequest> = {}): RatelimitRequest {
  const { requests = 10 } = given;
  return {
    policy: "default/test",
    limit: "limit",
    key: [],
    perMs: 1_000,
    burst: requests,
    holder: "default/web/web-1",
    wanted: 1,
    unspent: 0,
    ...given,
    requests,
  };
}
