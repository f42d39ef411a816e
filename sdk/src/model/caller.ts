import { identityOf, parseServiceKey } from "@patchbay/model";
import type { Caller, ServiceName } from "../public/plugin.ts";

/** The caller with this SPIFFE ID. An ID that is not of the mesh's form gives a caller without a name. */
export function readCaller(identity: string): Caller {
  return identityOf(identity);
}

/** A service by "namespace/name"; one without a namespace is in "default". */
export function readService(text: string): ServiceName {
  const { namespace, name } = parseServiceKey(text);
  return { namespace, service: name };
}
