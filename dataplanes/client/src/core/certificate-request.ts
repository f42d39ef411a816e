/**
 * A certificate request (PKCS #10, RFC 2986) in DER for an EC key on P-256, with one common name and no attributes. Written by
 * hand because it is four nested sequences, and a library for all of X.509 would double the time to start.
 *
 *     CertificationRequest     ::= SEQUENCE { info, signatureAlgorithm, signature BIT STRING }
 *     CertificationRequestInfo ::= SEQUENCE { version 0, subject Name, subjectPublicKeyInfo, attributes [0] }
 */
export function certificateRequestInfo(request: {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  /** Only for people: the authority signs the name that the caller has proven. */
  readonly commonName: string;
}): Uint8Array {
  const name = new TextEncoder().encode(request.commonName.slice(0, 64));
  const attribute = der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, name));
  return der(
    SEQUENCE,
    der(INTEGER, Uint8Array.of(0)),
    der(SEQUENCE, der(SET, attribute)),
    request.publicKey,
    der(ATTRIBUTES),
  );
}

/** `signature` is over `info` by ECDSA with SHA-256, in DER. */
export function certificateRequest(info: Uint8Array, signature: Uint8Array): Uint8Array {
  return der(SEQUENCE, info, der(SEQUENCE, ECDSA_WITH_SHA256), der(BIT_STRING, Uint8Array.of(0), signature));
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const UTF8_STRING = 0x0c;
const SEQUENCE = 0x30;
const SET = 0x31;
const ATTRIBUTES = 0xa0;
/** Object identifiers 2.5.4.3 and 1.2.840.10045.4.3.2, with tag and length. */
const COMMON_NAME = Uint8Array.of(0x06, 3, 0x55, 0x04, 0x03);
const ECDSA_WITH_SHA256 = Uint8Array.of(0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);

/** Tag, length, value (X.690 §8.1). Nothing here is longer than 65,535 bytes. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
