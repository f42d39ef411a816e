/** One moment on two clocks. Liveness is decided by the first only; the second is what people read. */
export interface Instant {
  /** Milliseconds of a clock that never jumps. */
  readonly mono: number;
  /** Milliseconds since the epoch. */
  readonly wall: number;
}
