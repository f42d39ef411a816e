/** What became of a class's deliveries since the plugin started: the registry and `mesh plugins` show them. */
export interface ConsumerCounts {
  received: number;
  handled: number;
  /** Given back, to come again. */
  failed: number;
  deadLettered: number;
  /** Deliveries that were not the first of their event. */
  redelivered: number;
}

/** Nothing has happened yet. */
export function newCounts(): ConsumerCounts {
  return { received: 0, handled: 0, failed: 0, deadLettered: 0, redelivered: 0 };
}
