import type { Log as WireLog } from "@patchbay/wire";
import type { PluginHost } from "../host/host.ts";
import type { EventName } from "../model/events.ts";
import type { Log } from "../public/log.ts";
import type { WorkerOptions } from "./worker.ts";

/** The plugin whose events are read, and callbacks for changes and outcomes. */
export interface IntakeOptions {
  readonly plugin: string;
  readonly host: PluginHost;
  readonly log: Log;
  readonly wireLog: WireLog;
  /** Something that problems() tells has changed. */
  readonly onChange: () => void;
  readonly onOutcome?: (name: EventName, ...outcome: Parameters<NonNullable<WorkerOptions["onOutcome"]>>) => void;
}
