import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
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
    let wake: () => void = () => undefined;
    const onAbort = (): void => wake();
    context.signal.addEventListener("abort", onAbort, { once: true });
    const queue = directory.watch({ accepts, wake: () => wake() });
    try {
      while (!context.signal.aborted) {
        const message = queue.take();
        if (message) {
          const { reset, complete, removed } = message;
          const changed = message.changed.map((registration) => present(registration, proven));
          yield create(WatchResponseSchema, { reset, complete, changed, removed: [...removed] });
        } else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      queue.close();
      context.signal.removeEventListener("abort", onAbort);
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
