import { normalizePath } from "@patchbay/model";
import type { Direction } from "../types.ts";
import type { RequestHead } from "./request-head.ts";

/** Nothing to decode, to merge or to remove; a segment that begins with a dot is looked at closely. One scan. */
const PLAIN_PATH = /^(?:\/[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*)*\/?(?:\?[\x21\x22\x24-\x7e]*)?$/;
const ODD_AUTHORITY = /[A-Z]|\.(?::|$)|:$/;

/**
 * The request in the one form on which rules decide and which is passed on: its host in lower case without a trailing dot and,
 * for what comes in, its path as `normalizePath` has it. What the program sends is left as it is here: rules for it normalise the
 * path themselves, and servers outside of the mesh get what was meant for them.
 */
export function normalizeHead(head: RequestHead, direction: Direction): RequestHead {
  const oddAuthority = ODD_AUTHORITY.test(head.authority);
  const oddPath = direction === "inbound" && !PLAIN_PATH.test(head.path);
  if (!oddAuthority && !oddPath) return head;
  return {
    ...head,
    authority: oddAuthority ? normalizeAuthority(head.authority) : head.authority,
    path: oddPath ? normalizePath(head.path).path : head.path,
  };
}

function normalizeAuthority(authority: string): string {
  return authority
    .toLowerCase()
    .replace(/(?<=[^:]):$/, "")
    .replace(/\.(?=:\d+$|$)/, "");
}
