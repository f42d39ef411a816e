const utf8Decoder = new TextDecoder();
const utf8Encoder = new TextEncoder();

/** Marks in `hashes`' slots. */
const EMPTY = -1;

/**
 * Gives each distinct label value a small number. Values are found by their UTF-8 bytes, so that a report's known
 * strings cost no JavaScript string. Id 0 is the empty string. Ids that `retain` lets go are given out again.
 */
export class LabelTable {
  readonly #texts: (string | undefined)[] = [];
  readonly #bytes: (Uint8Array | undefined)[] = [];
  readonly #hashes: number[] = [];
  readonly #free: number[] = [];
  #slots = new Int32Array(256).fill(EMPTY);
  #size = 0;

  constructor() {
    this.add(new Uint8Array(0), 0, 0);
  }

  get size(): number {
    return this.#size;
  }

  /** The id of `bytes[from .. to]`, or -1. */
  find(bytes: Uint8Array, from: number, to: number): number {
    return this.#slots[this.#slot(bytes, from, to)] ?? EMPTY;
  }

  /** The id of `bytes[from .. to]`, new if need be. The bytes are copied. */
  add(bytes: Uint8Array, from: number, to: number): number {
    const slot = this.#slot(bytes, from, to);
    const known = this.#slots[slot] ?? EMPTY;
    if (known !== EMPTY) return known;
    const id = this.#free.pop() ?? this.#texts.length;
    const own = bytes.slice(from, to);
    this.#texts[id] = utf8Decoder.decode(own);
    this.#bytes[id] = own;
    this.#hashes[id] = hash(bytes, from, to);
    this.#slots[slot] = id;
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#rebuild(this.#slots.length * 2);
    return id;
  }

  addText(text: string): number {
    const bytes = utf8Encoder.encode(text);
    return this.add(bytes, 0, bytes.length);
  }

  text(id: number): string {
    return this.#texts[id] ?? "";
  }

  /** Forgets every id that `used` does not hold, except 0. */
  retain(used: ReadonlySet<number>): void {
    for (let id = 1; id < this.#texts.length; id++) {
      if (this.#texts[id] === undefined || used.has(id)) continue;
      this.#texts[id] = undefined;
      this.#bytes[id] = undefined;
      this.#free.push(id);
      this.#size--;
    }
    this.#rebuild(this.#slots.length);
  }

  /** The slot that holds the value, or the empty one where it would go. Linear probing. */
  #slot(bytes: Uint8Array, from: number, to: number): number {
    const mask = this.#slots.length - 1;
    const wanted = hash(bytes, from, to);
    let slot = wanted & mask;
    for (;;) {
      const id = this.#slots[slot] ?? EMPTY;
      if (id === EMPTY || (this.#hashes[id] === wanted && equal(this.#bytes[id], bytes, from, to))) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #rebuild(length: number): void {
    this.#slots = new Int32Array(length).fill(EMPTY);
    const mask = length - 1;
    for (let id = 0; id < this.#texts.length; id++) {
      if (this.#texts[id] === undefined) continue;
      let slot = (this.#hashes[id] ?? 0) & mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = id;
    }
  }
}

/** FNV-1a, 32 bits, with its high half folded into the low one because slots are chosen by low bits. */
function hash(bytes: Uint8Array, from: number, to: number): number {
  let value = 0x811c9dc5;
  for (let at = from; at < to; at++) value = Math.imul(value ^ (bytes[at] ?? 0), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}

function equal(own: Uint8Array | undefined, bytes: Uint8Array, from: number, to: number): boolean {
  if (own?.length !== to - from) return false;
  for (let at = 0; at < own.length; at++) if (own[at] !== bytes[from + at]) return false;
  return true;
}
