import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { isDnsLabel } from "@patchbay/model";
import { Identity, type SignRequest } from "@patchbay/proto/mesh/identity/v1/identity_pb";
import { requireKind } from "@patchbay/runtime";
import type { Counter } from "prom-client";
import { signCertificate, trustBundle } from "../sources/authority.ts";
import { CertificateRequestError } from "../sources/certificate-request.ts";
import type { Roots } from "../sources/root-files.ts";

export interface IdentityRoutesOptions {
  /** Throws UNAVAILABLE until they are there. */
  roots(): Roots;
  readonly trustDomain: string;
  readonly lifeMs: number;
  readonly signed: Counter<"result">;
  now(): number;
}

export function identityRoutes(router: ConnectRouter, options: IdentityRoutesOptions): void {
  const { roots, trustDomain } = options;
  router.service(Identity, {
    sign: (request, context) => sign(options, request, context),
    getTrustBundle: () => ({ trustBundle: trustBundle(roots()), trustDomain }),
  });
}

/**
 * The name comes from the token alone. A plugin gets no certificate: it could bear the name of a service and then be that service to
 * every sidecar. An operator has no name to certify.
 */
async function sign(options: IdentityRoutesOptions, request: SignRequest, context: HandlerContext) {
  const { namespace, name } = requireKind(context, "core", "proxy");
  const { trustDomain, lifeMs, signed } = options;
  const roots = options.roots();
  const workload = { namespace, name };
  try {
    // Anything else could be read as the name of another workload.
    if (!isDnsLabel(workload.namespace) || !isDnsLabel(workload.name)) {
      throw new CertificateRequestError(
        "the token's namespace and name are not DNS labels, so no SPIFFE ID can hold them",
      );
    }
    const now = options.now();
    const { chain, spiffeId, validity } = await signCertificate(roots, {
      request: request.certificateRequest,
      workload,
      trustDomain,
      now,
      lifeMs,
    });
    signed.inc({ result: "signed" });
    return {
      certificateChain: chain,
      trustBundle: trustBundle(roots),
      spiffeId,
      notAfter: timestampFromMs(validity.notAfter),
      renewAt: timestampFromMs(validity.renewAt),
    };
  } catch (error) {
    signed.inc({ result: "refused" });
    if (error instanceof CertificateRequestError) throw new ConnectError(error.message, Code.InvalidArgument);
    throw error;
  }
}
