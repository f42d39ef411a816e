import { webcrypto } from "node:crypto";
import { rootValidity } from "../core/validity.ts";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "./x509.ts";

/** A certificate authority that can sign. */
export interface Root {
  readonly certificate: X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

export const SIGNING = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** Makes a self-signed root: ECDSA P-256, that may sign only leaf certificates (path length 0). */
export async function createRoot(now: number, trustDomain: string): Promise<Root> {
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ["sign", "verify"]);
  const { notBefore, notAfter } = rootValidity(now);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Patchbay development CA",
    keys,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${trustDomain}` }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, privateKey: keys.privateKey };
}

/** Certificate and key as one PEM text. */
export async function encodeRoot({ certificate, privateKey }: Root): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", privateKey);
  return `${certificate.toString("pem")}\n${PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`;
}

/** Throws when the text is not what encodeRoot writes. */
export async function decodeRoot(text: string): Promise<Root> {
  const [certificate, key] = PemConverter.decodeWithHeaders(text);
  if (certificate?.type !== "CERTIFICATE" || key?.type !== "PRIVATE KEY")
    throw new Error("not a certificate and a private key in PEM");
  const privateKey = await webcrypto.subtle.importKey("pkcs8", key.rawData, SIGNING, true, ["sign"]);
  return { certificate: new X509Certificate(certificate.rawData), privateKey };
}
