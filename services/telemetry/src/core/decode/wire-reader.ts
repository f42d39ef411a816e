import { ReportError } from "./report-error.ts";

/** Wire types of the protobuf encoding, https://protobuf.dev/programming-guides/encoding. Groups are not read. */
const VARINT = 0;
const I64 = 1;
const LEN = 2;
const I32 = 5;

/** Reads protobuf values from bytes in place. Every read is checked against `end`. */
export class WireReader {
  at = 0;
  end = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Begins with new bytes. They are not copied. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = bytes.byteLength;
  }

  /** A number of at most 32 bits. */
  uint32(): number {
    // Most numbers of a report are small.
    const byte = this.at < this.end ? (this.#bytes[this.at] ?? 0) : 0x80;
    if (byte >= 0x80) return this.#uint32();
    this.at++;
    return byte;
  }

  /** Reads numbers of at most 32 bits up to `to`, writes them to `into` from `index` on and returns where they end. */
  uint32s(to: number, into: Uint32Array, index: number): number {
    const bytes = this.#bytes;
    const outerEnd = this.end;
    this.end = to;
    let at = index;
    while (this.at < to) {
      const byte = bytes[this.at] ?? 0;
      if (byte < 0x80) this.at++;
      into[at++] = byte < 0x80 ? byte : this.#uint32();
    }
    this.end = outerEnd;
    return at;
  }

  #uint32(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.end) throw this.truncated();
      const byte = bytes[this.at++] ?? 0;
      if (shift === 28 && byte > 0x0f) throw new ReportError(`byte ${this.at - 1}: the number does not fit in 32 bits`);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ReportError(`byte ${this.at}: the number is too long`);
  }

  /** A number of at most 53 bits, so that it is exact. */
  uint53(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      if (this.at >= this.end) throw this.truncated();
      const byte = this.#bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return this.#exact(value);
    }
    throw new ReportError(`byte ${this.at}: the number is longer than 10 bytes`);
  }

  #exact(value: number): number {
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    throw new ReportError(`byte ${this.at}: the number is larger than 2^53`);
  }

  /** Zigzag encoded, 32 bits. */
  sint32(): number {
    const value = this.uint32();
    return (value >>> 1) ^ -(value & 1);
  }

  bool(): number {
    return this.uint53() === 0 ? 0 : 1;
  }

  /** Eight bytes as an unsigned number, at most 53 bits. */
  fixed64(): number {
    const from = this.#take(8);
    return this.#exact(this.#view.getUint32(from + 4, true) * 2 ** 32 + this.#view.getUint32(from, true));
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** Reads a length and returns where its content ends; the content begins at `at`. */
  length(): number {
    const length = this.uint32();
    if (length > this.end - this.at) throw this.truncated();
    return this.at + length;
  }

  /** Passes over the value of a field that nobody here knows. */
  skip(tag: number): void {
    if (tag >>> 3 === 0) throw new ReportError(`byte ${this.at}: field number 0`);
    switch (tag & 7) {
      case VARINT:
        return this.#skipVarint();
      case I64:
        return void this.#take(8);
      case LEN:
        this.at = this.length();
        return;
      case I32:
        return void this.#take(4);
      default:
        throw new ReportError(`byte ${this.at}: wire type ${tag & 7} is not supported`);
    }
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) throw this.truncated();
      if ((this.#bytes[this.at++] ?? 0) < 0x80) return;
    }
    throw new ReportError(`byte ${this.at}: the number is longer than 10 bytes`);
  }

  #take(count: number): number {
    const from = this.at;
    if (count > this.end - from) throw this.truncated();
    this.at = from + count;
    return from;
  }

  truncated(): ReportError {
    return new ReportError(`byte ${this.at}: the message ends within a value`);
  }
}
