/** Wire types of the protobuf encoding, https://protobuf.dev/programming-guides/encoding. Groups are not read. */
const VARINT = 0;
const I64 = 1;
const LEN = 2;
const I32 = 5;

/** Reads protobuf values in place. Every read throws a RangeError when the bytes end before the value does. */
export class ProtoReader {
  at = 0;
  end: number;
  readonly #bytes: Buffer;

  /** The bytes are not copied. */
  constructor(data: Uint8Array) {
    this.#bytes = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.end = data.byteLength;
  }

  /** Field number times 8 and wire type, and every other number of at most 32 bits. */
  uint32(): number {
    // Most are small.
    const byte = this.at < this.end ? (this.#bytes[this.at] ?? 0) : 0x80;
    if (byte >= 0x80) return this.uint64() >>> 0;
    this.at += 1;
    return byte;
  }

  /** Exact up to 2^53. */
  uint64(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      const byte = this.#bytes[this.#take(1)] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new RangeError(`byte ${this.at}: the number is longer than 10 bytes`);
  }

  /** In decimal digits, exact at any size. */
  uint64Text(): string {
    const from = this.at;
    const value = this.uint64();
    if (value <= Number.MAX_SAFE_INTEGER) return String(value);
    let exact = 0n;
    for (let at = this.at - 1; at >= from; at -= 1) exact = (exact << 7n) | BigInt((this.#bytes[at] ?? 0) & 0x7f);
    return String(BigInt.asUintN(64, exact));
  }

  /** Zigzag encoded. */
  sint32(): number {
    const value = this.uint32();
    return (value >>> 1) ^ -(value & 1);
  }

  /** Exact up to 2^53. */
  fixed64(): number {
    const from = this.#take(8);
    return this.#bytes.readUInt32LE(from) + this.#bytes.readUInt32LE(from + 4) * 2 ** 32;
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** Skips a length-delimited field and returns its start; it ends at `at`. */
  block(): number {
    const length = this.uint32();
    return this.#take(length);
  }

  text(from: number, to: number): string {
    // Not "utf8", which is the same and is looked up each time.
    return this.#bytes.toString(undefined, from, to);
  }

  /** Skips the value of an unknown field. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === VARINT) this.uint64();
    else if (type === I64) this.#take(8);
    else if (type === LEN) this.block();
    else if (type === I32) this.#take(4);
    else throw new RangeError(`byte ${this.at}: wire type ${type} is not supported`);
  }

  #take(count: number): number {
    const from = this.at;
    if (count > this.end - from) throw new RangeError(`byte ${from}: the message ends within a value`);
    this.at = from + count;
    return from;
  }
}
