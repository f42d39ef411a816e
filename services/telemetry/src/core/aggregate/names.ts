/** What stands in a label for what was folded together because of a limit on cardinality. */
export const OVERFLOW = "overflow";
/** Source of requests whose sender proved nothing. */
export const UNKNOWN = "unknown";
