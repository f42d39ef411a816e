import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ProxyStatus,
  ProxyStatusSchema,
  type ResourceStatus,
  ResourceStatusSchema,
  type StatusResponse,
  StatusResponseSchema,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Book } from "../core/book.ts";
import type { Compiled } from "../core/compile.ts";
import { whereInForce } from "../core/in-force.ts";
import { summaryOf } from "../core/summary.ts";
import { warningsOf } from "../core/warnings.ts";
import { type Followers, proxyId } from "../followers.ts";
import type { Neighbours } from "../sources/neighbours.ts";
import type { ResourceFiles } from "../sources/resource-files.ts";

export interface StatusOptions {
  readonly defaultAction: DefaultAction;
  readonly book: Book;
  readonly followers: Followers;
  readonly neighbours: Neighbours;
  files(): ResourceFiles | undefined;
}

/** Resources in force, what is wrong with files, and who runs which version. */
export function createStatus(options: StatusOptions): () => StatusResponse {
  return () => {
    const files = options.files();
    return create(StatusResponseSchema, {
      defaultAction: options.defaultAction,
      resources: options.book.all().map((each) => resourceStatus(each, options)),
      problems: [...(files?.problems() ?? [])],
      proxies: proxies(options),
    });
  };
}

function resourceStatus(compiled: Compiled, { book, followers, neighbours, files }: StatusOptions): ResourceStatus {
  const { resource, ref } = compiled;
  const { kind, namespace, name } = ref;
  const known = { ...neighbours.known(), staticServices: files()?.staticServices() ?? new Set<string>() };
  return create(ResourceStatusSchema, {
    kind,
    namespace,
    name,
    file: resource.file,
    outdated: files()?.outdated().has(resource.file) ?? false,
    workloads: [...whereInForce(compiled, { book, workloads: known.workloads, followers: followers.list() })],
    summary: summaryOf(resource),
    warnings: [...warningsOf(compiled, { book, known })],
  });
}

/** Those that follow, and those that the registry knows and that do not. */
function proxies({ followers, neighbours }: StatusOptions): ProxyStatus[] {
  const following = followers.list().map((each) => ({ ...each, connected: true }));
  const ids = new Set(following.map((each) => proxyId({ ...each, name: each.workload })));
  const away = neighbours
    .proxies()
    .filter((each) => !ids.has(proxyId({ ...each, name: each.workload })))
    .map((each) => ({ ...each, wanted: "", untold: "", connected: false }));
  return [...following, ...away].map((each) => {
    const said = followers.acknowledged(proxyId({ ...each, name: each.workload }));
    const refuses = said !== undefined && said.refused !== "" && said.refusedVersion === each.wanted;
    return create(ProxyStatusSchema, {
      namespace: each.namespace,
      workload: each.workload,
      instance: each.instance,
      version: said?.version ?? "",
      wanted: each.wanted,
      refused: each.untold || (refuses ? said.refused : ""),
      ...(said && said.at > 0 ? { acknowledged: timestampFromMs(said.at) } : {}),
      connected: each.connected,
    });
  });
}
