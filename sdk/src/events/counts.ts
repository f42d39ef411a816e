/** Deliveries of one event class since the plugin started, by outcome. Shown by the registry and `mesh plugins`. */
export interface ConsumerCounts {
  received: number;
  handled: number;
  /** Negatively acknowledged, to be redelivered. */
  failed: number;
  deadLettered: number;
  /** Deliveries that were not the first of their event. */
  redelivered: number;
}

/** All zero. */
export function newCounts(): ConsumerCounts {
  return { received: 0, handled: 0, failed: 0, deadLettered: 0, redelivered: 0 };
}
