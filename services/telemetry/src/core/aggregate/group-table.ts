import { LATENCY_BUCKETS } from "@patchbay/model";
import { roomInFloats, roomInInts } from "./grow.ts";
import { KeyTable } from "./key-table.ts";

/** Parts of a group's key: flags together with the backend's label id, then ids of the label table. */
export const GROUP_FLAGS = 0;
export const GROUP_SOURCE = 1;
export const GROUP_TARGET = 2;
export const GROUP_ROUTE = 3;

/** Bits of a group's flags. */
export const OUTBOUND_FLAG = 1;
export const OPAQUE_FLAG = 2;
export const TLS_FLAG = 4;
/** Above the flags stands the label id of the backend, so that a key is still four numbers. 0: the target itself. */
export const BACKEND_SHIFT = 3;

/** Columns of a group's totals, at `totals[group * TOTALS + column]`; the latency buckets follow them. */
export const TOTAL_COUNT = 0;
export const TOTAL_RETRIES = 1;
export const TOTAL_LATENCY_US = 2;
export const TOTAL_REQUEST_BYTES = 3;
export const TOTAL_RESPONSE_BYTES = 4;
export const TOTAL_BUCKETS = 5;
export const TOTALS = TOTAL_BUCKETS + LATENCY_BUCKETS;

/**
 * Groups: what windows and histograms are made of. Told apart by direction, source, target, backend, route and TLS; not by
 * method and status, of which a window needs only how many failed.
 */
export class GroupTable extends KeyTable {
  totals = new Float64Array(64 * TOTALS);
  /** Label id of the reporter that made the group. */
  owners = new Int32Array(64);
  /** When the group was last added to, in ms. */
  usedAt = new Float64Array(64);

  /** A new group for `key`, with totals of zero. */
  create(owner: number): number {
    const group = this.add();
    this.totals = roomInFloats(this.totals, (group + 1) * TOTALS);
    this.owners = roomInInts(this.owners, group + 1);
    this.usedAt = roomInFloats(this.usedAt, group + 1);
    this.totals.fill(0, group * TOTALS, (group + 1) * TOTALS);
    this.owners[group] = owner;
    return group;
  }

  outbound(group: number): boolean {
    return (this.part(group, GROUP_FLAGS) & OUTBOUND_FLAG) !== 0;
  }

  opaque(group: number): boolean {
    return (this.part(group, GROUP_FLAGS) & OPAQUE_FLAG) !== 0;
  }

  tls(group: number): boolean {
    return (this.part(group, GROUP_FLAGS) & TLS_FLAG) !== 0;
  }

  /** Label id of the service that was chosen for the target; the target's own when nothing else was. */
  backend(group: number): number {
    return this.part(group, GROUP_FLAGS) >> BACKEND_SHIFT || this.part(group, GROUP_TARGET);
  }
}
