import { Pkcs10CertificateRequest, type PublicKey } from "./x509.ts";

/** Why a certificate request is refused, as a sentence for its sender. */
export class CertificateRequestError extends Error {}

const MAX_BYTES = 16 * 1024;

/** The public key of a request, after proof of possession of the private key; nothing else in the request is used. */
export async function provenKey(der: Uint8Array): Promise<PublicKey> {
  if (der.byteLength === 0 || der.byteLength > MAX_BYTES) {
    throw new CertificateRequestError(
      `certificate_request has ${der.byteLength} bytes; send PKCS #10 in DER, at most ${MAX_BYTES}`,
    );
  }
  const request = parse(der);
  if (!isStrong(request.publicKey)) {
    throw new CertificateRequestError(
      "the key is neither ECDSA P-256 nor Ed25519; make one with `openssl ecparam -name prime256v1`",
    );
  }
  if (!(await request.verify().catch(() => false))) {
    throw new CertificateRequestError("the request's signature is not by its own key");
  }
  return request.publicKey;
}

function parse(der: Uint8Array): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(Uint8Array.from(der));
  } catch (error) {
    throw new CertificateRequestError("certificate_request is not PKCS #10 in DER", { cause: error });
  }
}

function isStrong({ algorithm }: PublicKey): boolean {
  if (algorithm.name === "Ed25519") return true;
  return algorithm.name === "ECDSA" && "namedCurve" in algorithm && algorithm.namedCurve === "P-256";
}
