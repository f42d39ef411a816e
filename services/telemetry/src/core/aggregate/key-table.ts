import { roomInInts } from "./grow.ts";

const EMPTY = -1;
/** Numbers in a key. Fixed, so that hashing and comparing need no loop. */
const WIDTH = 4;

/**
 * Gives each distinct key of four whole numbers an id that stays until the key is removed; freed ids are given out
 * again, so that ids can index typed arrays. Open addressing over one typed array; no object per entry.
 */
export class KeyTable {
  /** What `find` and `add` are about: fill it first. One for all calls, because they are made for every row. */
  readonly key = new Int32Array(WIDTH);
  #keys = new Int32Array(64 * WIDTH);
  /** 1 for ids in use. */
  #live = new Int32Array(64);
  #slots = new Int32Array(256).fill(EMPTY);
  readonly #free: number[] = [];
  #next = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** All ids are below this. */
  get bound(): number {
    return this.#next;
  }

  has(id: number): boolean {
    return this.#live[id] === 1;
  }

  /** Number `part` of the key with this id. */
  part(id: number, part: number): number {
    return this.#keys[id * WIDTH + part] ?? 0;
  }

  /** The id of `key`, or -1. */
  find(): number {
    return this.#slots[this.#slot()] ?? EMPTY;
  }

  /** A new id for `key`, which `find` did not know. */
  add(): number {
    const id = this.#free.pop() ?? this.#next++;
    this.#keys = roomInInts(this.#keys, (id + 1) * WIDTH);
    this.#live = roomInInts(this.#live, id + 1);
    this.#keys.set(this.key, id * WIDTH);
    this.#live[id] = 1;
    this.#slots[this.#slot()] = id;
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#rebuild(this.#slots.length * 2);
    return id;
  }

  /** Removes every id for which `idle` says so, and returns how many. */
  remove(idle: (id: number) => boolean): number {
    let removed = 0;
    for (let id = 0; id < this.#next; id++) {
      if (this.#live[id] === 0 || !idle(id)) continue;
      this.#live[id] = 0;
      this.#free.push(id);
      removed++;
    }
    this.#size -= removed;
    if (removed > 0) this.#rebuild(this.#slots.length);
    return removed;
  }

  /** The slot that holds `key`, or the empty one where it would go. Linear probing. */
  #slot(): number {
    const slots = this.#slots;
    const keys = this.#keys;
    const key = this.key;
    const mask = slots.length - 1;
    let slot = hash(key, 0) & mask;
    for (;;) {
      const id = slots[slot] ?? EMPTY;
      if (id === EMPTY || equal(keys, id * WIDTH, key)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #rebuild(length: number): void {
    this.#slots = new Int32Array(length).fill(EMPTY);
    const mask = length - 1;
    for (let id = 0; id < this.#next; id++) {
      if (this.#live[id] === 0) continue;
      let slot = hash(this.#keys, id * WIDTH) & mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = id;
    }
  }
}

function equal(keys: Int32Array, from: number, key: Int32Array): boolean {
  return keys[from] === key[0] && keys[from + 1] === key[1] && keys[from + 2] === key[2] && keys[from + 3] === key[3];
}

/** Multiplied by odd constants and mixed, because neighbouring ids must not share neighbouring slots. */
function hash(numbers: Int32Array, from: number): number {
  const a = Math.imul(numbers[from] ?? 0, 0x9e3779b1) ^ Math.imul(numbers[from + 1] ?? 0, 0x85ebca6b);
  const b = Math.imul(numbers[from + 2] ?? 0, 0xc2b2ae35) ^ Math.imul(numbers[from + 3] ?? 0, 0x27d4eb2f);
  const mixed = Math.imul(a ^ (b >>> 15) ^ (b << 7), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
