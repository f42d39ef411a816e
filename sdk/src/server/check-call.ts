import { ConnectError } from "@connectrpc/connect";
import type { HookGuard } from "./hook-guard.ts";

/** Lets a hook's call pass, or tells who counts refusals and throws what the guard throws. */
export function checkCall(guard: HookGuard, observer: { onRefused(why: string): void }, header: Headers): void {
  try {
    guard.check(header.get("authorization"));
  } catch (error) {
    observer.onRefused(ConnectError.from(error).rawMessage);
    throw error;
  }
}
