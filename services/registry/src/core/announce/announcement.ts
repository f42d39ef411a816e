import { clone, create, toBinary } from "@bufbuild/protobuf";
import { DEFAULT_NAMESPACE, printable, type ServiceRef } from "@patchbay/model";
import { type Announce, AnnounceSchema, ContractRangeSchema, Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { checkAddress } from "./address.ts";
import { check, checkDnsLabel } from "./check.ts";
import { checkManifest } from "./manifest.ts";
import { checkWorkload } from "./workload.ts";

/** An announcement is kept, mirrored and sent to every watcher, so it stays small. */
export const MAX_ANNOUNCEMENT_BYTES = 64 * 1024;
/** Reasons are read by people. */
export const MAX_REASON = 512;

// https://semver.org, without build metadata's finer rules.
const SEMANTIC_VERSION = /^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]{1,64})?$/;
const INSTANCE_PATTERN = /^[a-z0-9-]{1,63}$/;

/** The SPIFFE ID by which a name is proven. */
export type IdentityOf = (workload: ServiceRef) => string;

/**
 * The announcement with its defaults filled in, or INVALID_ARGUMENT naming the field that is wrong. The message is not changed.
 */
export function readAnnouncement(message: Announce, identityOf: IdentityOf): Announce {
  const announce = withDefaults(message);
  const bytes = toBinary(AnnounceSchema, announce).byteLength;
  check(bytes <= MAX_ANNOUNCEMENT_BYTES, "announce", `${bytes} bytes are more than ${MAX_ANNOUNCEMENT_BYTES}`);
  const known = announce.kind === Kind.CORE || announce.kind === Kind.PROXY || announce.kind === Kind.PLUGIN;
  check(known, "kind", "must be KIND_CORE, KIND_PROXY or KIND_PLUGIN");
  checkDnsLabel(announce.name, "name");
  checkDnsLabel(announce.namespace, "namespace");
  check(
    INSTANCE_PATTERN.test(announce.instance),
    "instance",
    `"${printable(announce.instance)}" is not 1 to 63 characters of [a-z0-9-]`,
  );
  checkVersion(announce);
  checkContract(announce);
  if (announce.address !== "") checkAddress(announce.address, "address");
  checkKindFields(announce, identityOf);
  return announce;
}

function withDefaults(message: Announce): Announce {
  const announce = clone(AnnounceSchema, message);
  announce.namespace ||= DEFAULT_NAMESPACE;
  announce.reason = printable(announce.reason, MAX_REASON);
  // Core services and proxies of this project are built with the core; only plugins come from elsewhere and must say.
  if (announce.kind !== Kind.PLUGIN) announce.contract ??= create(ContractRangeSchema, { min: 1, max: 1 });
  return announce;
}

function checkVersion({ kind, version }: Announce): void {
  if (version === "" && kind !== Kind.PLUGIN) return;
  check(SEMANTIC_VERSION.test(version), "version", `"${printable(version)}" is not a semantic version such as 1.2.3`);
}

function checkContract({ contract }: Announce): void {
  check(
    contract !== undefined,
    "contract",
    "is missing: which versions of the plugin contract does the announcer speak?",
  );
  if (!contract) return;
  check(contract.min >= 1, "contract.min", "counts from 1");
  check(contract.max >= contract.min, "contract.max", `${contract.max} is less than min ${contract.min}`);
}

function checkKindFields(announce: Announce, identityOf: IdentityOf): void {
  const { kind, name, namespace, manifest, workload } = announce;
  check(kind === Kind.PLUGIN || !manifest, "manifest", "only plugins have one");
  check(kind === Kind.PROXY || !workload, "workload", "only proxies have one");
  if (workload) checkWorkload(workload, { name, identity: identityOf({ namespace, name }) });
  if (kind !== Kind.PLUGIN) return;
  check(manifest !== undefined, "manifest", "is missing: what does the plugin offer and consume?");
  if (!manifest) return;
  checkManifest(manifest);
  const served = manifest.hooks.length === 0 || announce.address !== "";
  check(served, "address", "is missing: the manifest has hooks, so the core must know where to call them");
}
