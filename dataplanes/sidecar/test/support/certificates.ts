import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { CertificateSource, WorkloadCertificate } from "@patchbay/dataplane-client";

/** A certificate authority of its own, and identities that it vouches for. */
export interface TestAuthority {
  /** `uris` default: the SPIFFE ID of `name`. */
  issue(name: string, options?: { readonly uris?: readonly string[] }): WorkloadCertificate;
}

export function spiffe(name: string, namespace = "default"): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${name}`;
}

export function createAuthority(): TestAuthority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const root = certificate({
    subject: "test root",
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [CA],
  });
  return {
    issue(name, { uris = [spiffe(name)] } = {}) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const extensions = [alternativeNames(uris)];
      const leaf = certificate({ subject: name, publicKey: own.publicKey, signingKey: keys.privateKey, extensions });
      return {
        spiffeId: spiffe(name),
        certificateChain: leaf,
        privateKey: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        trustBundle: root,
      };
    },
  };
}

let serial = 1;

interface CertificateOptions {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** An X.509 certificate issued by "test root" and good for an hour, RFC 5280 §4.1. */
function certificate({ subject, publicKey, signingKey, extensions }: CertificateOptions): string {
  serial += 1;
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1, serial)),
    ECDSA_SHA256,
    name("test root"),
    der(0x30, time(-60_000), time(3_600_000)),
    name(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(0x30, ...extensions)),
  );
  const signature = sign("sha256", body, signingKey);
  const whole = der(0x30, body, ECDSA_SHA256, der(0x03, Buffer.of(0), signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${(whole.match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), value]);
}

const ECDSA_SHA256 = der(0x30, Buffer.from("06082a8648ce3d040302", "hex"));
const CA = der(
  0x30,
  Buffer.from("0603551d13", "hex"),
  Buffer.from("0101ff", "hex"),
  der(0x04, der(0x30, Buffer.from("0101ff", "hex"))),
);

function name(commonName: string): Buffer {
  const attribute = der(0x30, Buffer.from("0603550403", "hex"), der(0x0c, Buffer.from(commonName)));
  return der(0x30, der(0x31, attribute));
}

function time(offsetMs: number): Buffer {
  const text = new Date(Date.now() + offsetMs).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}

function alternativeNames(uris: readonly string[]): Buffer {
  const names = uris.map((uri) => der(0x86, Buffer.from(uri)));
  return der(0x30, Buffer.from("0603551d11", "hex"), der(0x04, der(0x30, ...names)));
}

/** An identity that a test can replace. */
export interface TestIdentity extends CertificateSource {
  use(identity: WorkloadCertificate): void;
}

export function identityOf(identity?: WorkloadCertificate): TestIdentity {
  const listeners = new Set<(identity: WorkloadCertificate) => void>();
  let current = identity;
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    use(next) {
      current = next;
      for (const listener of listeners) listener(next);
    },
  };
}
