import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  Kind,
  type ListRequest,
  type ListResponse,
  ListResponseSchema,
  type Registration,
  RegistrationSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { requireKind } from "@patchbay/runtime";
import { consumerName } from "../core/plugins/plugin-access.ts";
import type { Directory } from "../core/replicas/directory.ts";
import type { Backlogs } from "../sources/backlog.ts";
import { toConnectError } from "./errors.ts";
import type { Present } from "./present.ts";
import { ofKinds, visibleKinds } from "./visibility.ts";

export interface ListOptions {
  readonly directory: Directory;
  readonly present: Present;
  readonly backlogs: Backlogs;
}

/** The picture once, with what plugins have pending. */
export function createList({ directory, present, backlogs }: ListOptions) {
  return async (request: ListRequest, context: HandlerContext): Promise<ListResponse> => {
    const proven = requireKind(context, "core", "operator");
    try {
      const accepts = ofKinds(visibleKinds(proven, request.kinds));
      const all = directory.list().filter(({ id }) => accepts(id));
      const registrations = await Promise.all(all.map((one) => withBacklog(present(one, proven), backlogs)));
      return create(ListResponseSchema, { complete: directory.complete(), registrations });
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

/** All instances of a plugin read from the same consumers, so all show the same. */
async function withBacklog(registration: Registration, backlogs: Backlogs): Promise<Registration> {
  const { announce, grant } = registration;
  if (announce?.kind !== Kind.PLUGIN || !grant || grant.events.length === 0) return registration;
  const classes = grant.events.map((interest) => interest.class);
  const backlog = await backlogs.of(consumerName(announce.namespace, announce.name), classes);
  return create(RegistrationSchema, { ...registration, backlog });
}
