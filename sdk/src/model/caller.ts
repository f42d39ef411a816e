import { identityOf, parseServiceKey } from "@patchbay/model";
import type { Caller, ServiceName } from "../public/plugin.ts";

/** Who has proven this SPIFFE ID; one of another shape has no name, and its identity says all there is. */
export function readCaller(identity: string): Caller {
  return identityOf(identity);
}

/** A service by "namespace/name"; one without a namespace is in "default". */
export function readService(text: string): ServiceName {
  const { namespace, name } = parseServiceKey(text);
  return { namespace, service: name };
}
