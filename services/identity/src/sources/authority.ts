import { type ServiceRef, spiffeId } from "@patchbay/model";
import { leafValidity, type Validity } from "../core/validity.ts";
import { provenKey } from "./certificate-request.ts";
import { SIGNING } from "./root.ts";
import type { Roots } from "./root-files.ts";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "./x509.ts";

export interface SignedCertificate {
  readonly spiffeId: string;
  /** PEM, leaf first. */
  readonly chain: string;
  readonly validity: Validity;
}

export interface SignOptions {
  /** PKCS #10, DER. */
  readonly request: Uint8Array;
  readonly workload: ServiceRef;
  readonly trustDomain: string;
  readonly now: number;
  readonly lifeMs: number;
}

/**
 * Signs an X.509-SVID: one URI name, the SPIFFE ID, no subject, key usage digitalSignature, for both ends of TLS
 * (SPIFFE X509-SVID §2 to §4). Throws CertificateRequestError.
 */
export async function signCertificate({ signing }: Roots, options: SignOptions): Promise<SignedCertificate> {
  const publicKey = await provenKey(options.request);
  const id = spiffeId(options.workload, options.trustDomain);
  const validity = leafValidity(options.now, options.lifeMs, signing.certificate.notAfter.getTime());
  const certificate = await X509CertificateGenerator.create({
    issuer: signing.certificate.subject,
    publicKey,
    signingKey: signing.privateKey,
    signingAlgorithm: SIGNING,
    notBefore: new Date(validity.notBefore),
    notAfter: new Date(validity.notAfter),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      // Critical, because the subject is empty (RFC 5280 §4.2.1.6).
      new SubjectAlternativeNameExtension([{ type: "url", value: id }], true),
      await AuthorityKeyIdentifierExtension.create(signing.certificate.publicKey),
    ],
  });
  return { spiffeId: id, chain: `${certificate.toString("pem")}\n`, validity };
}

/** PEM of all roots that are trusted. */
export function trustBundle({ trusted }: Roots): string {
  return trusted.map(({ certificate }) => `${certificate.toString("pem")}\n`).join("");
}
