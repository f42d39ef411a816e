import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { createWakeup } from "@patchbay/model";
import {
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { caller } from "@patchbay/runtime";
import type { Directory } from "../core/replicas/directory.ts";
import { toConnectError } from "./errors.ts";
import type { Present } from "./present.ts";
import { ofKinds, visibleKinds } from "./visibility.ts";

export interface WatchHandlerOptions {
  readonly directory: Directory;
  readonly present: Present;
}

/** Streams the picture, then changes. A reader that is slow gets the latest of each registration. */
export function createWatch({ directory, present }: WatchHandlerOptions) {
  return async function* watch(request: WatchRequest, context: HandlerContext): AsyncGenerator<WatchResponse> {
    const proven = caller(context);
    const accepts = ofKinds(kindsFor(proven, request));
    const { wake, wait } = createWakeup();
    context.signal.addEventListener("abort", wake, { once: true });
    const queue = directory.watch({ accepts, wake });
    try {
      while (!context.signal.aborted) {
        const message = queue.take();
        if (message) {
          const { reset, complete, removed } = message;
          const changed = message.changed.map((registration) => present(registration, proven));
          yield create(WatchResponseSchema, { reset, complete, changed, removed: [...removed] });
        } else await wait();
      }
    } finally {
      queue.close();
      context.signal.removeEventListener("abort", wake);
    }
  };
}

function kindsFor(
  proven: Parameters<typeof visibleKinds>[0],
  { kinds }: WatchRequest,
): ReturnType<typeof visibleKinds> {
  try {
    return visibleKinds(proven, kinds);
  } catch (error) {
    throw toConnectError(error);
  }
}
