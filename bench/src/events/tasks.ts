/** What the parent asks of a publisher: so many events, 512 of them not yet acknowledged. */
export interface PublishTask {
  readonly events: number;
}

/** What the parent asks of a consumer: wait until it has handled so many since its start. */
export interface ConsumeTask {
  readonly handled: number;
}

export const WINDOW = 512;
/** Rows of a report: what a sidecar on a laptop says each second. */
export const ROWS = 3;

/** Counts what is handled and tells when a number is reached. */
export function createTally(): { count(): void; reach(handled: number): Promise<void> } {
  let handled = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let reached: () => void = () => undefined;
  return {
    count() {
      if (++handled >= wanted) reached();
    },
    reach(number) {
      wanted = number;
      if (handled >= wanted) return Promise.resolve();
      return new Promise((resolve) => {
        reached = resolve;
      });
    },
  };
}

/** Runs `send` so many times, as many at once as the window is wide. */
export async function inWindow(events: number, send: () => Promise<unknown>): Promise<void> {
  let sent = 0;
  const sendInTurn = async (): Promise<void> => {
    while (sent < events) {
      sent++;
      await send();
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, sendInTurn));
}
