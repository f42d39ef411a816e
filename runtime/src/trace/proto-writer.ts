/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** What the length of an embedded message or text may be: 14 bits, always written in two bytes. */
const MAX_LENGTH = 0x3fff;

/**
 * Writes protobuf into one buffer that is used again and again. A span has dozens of small texts in embedded messages, for which a
 * general writer, that copies each message into the one around it, takes nearly three times as long. Lengths take two bytes even when one
 * would do, so that they can be filled in afterwards; every reader takes that (a varint may have leading zero groups).
 */
export class ProtoWriter {
  #buffer = Buffer.allocUnsafe(16_384);
  #at = 0;

  /** Bytes written since the last call. */
  take(): Buffer {
    const written = Buffer.from(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
    return written;
  }

  /** Fields up to 2,047. At most 16,383 bytes; longer ones are left out. */
  message(field: number, write: () => void): void {
    const begin = this.#at;
    this.#tag(field, DELIMITED);
    const length = this.#at;
    this.#at += 2;
    write();
    if (!this.#setLength(length, this.#at - length - 2)) this.#at = begin;
  }

  /** Empty text is as good as none. */
  text(field: number, value: string): void {
    if (value !== "") this.string(field, value);
  }

  /** Also when it is empty, as a oneof wants it. At most 5,461 characters; longer text is left out. */
  string(field: number, value: string): void {
    if (value.length * 3 > MAX_LENGTH) return;
    this.#tag(field, DELIMITED);
    this.#room(2 + value.length * 3);
    const bytes = this.#buffer.write(value, this.#at + 2, "utf8");
    this.#setLength(this.#at, bytes);
    this.#at += 2 + bytes;
  }

  hex(field: number, value: string): void {
    if (value === "") return;
    this.#tag(field, DELIMITED);
    this.#room(2 + value.length);
    const bytes = this.#buffer.write(value, this.#at + 2, "hex");
    this.#setLength(this.#at, bytes);
    this.#at += 2 + bytes;
  }

  /** A whole number, negative ones included, that a number holds exactly. */
  integer(field: number, value: number): void {
    this.#tag(field, VARINT);
    if (value < 0) return this.#varint64(BigInt.asUintN(64, BigInt(value)));
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64);
    this.#room(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  fixed64(field: number, value: bigint): void {
    this.#tag(field, FIXED64);
    this.#room(8);
    this.#at = this.#buffer.writeBigUInt64LE(value, this.#at);
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, FIXED32);
    this.#room(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  #tag(field: number, type: number): void {
    const tag = (field << 3) | type;
    if (tag >= 0x80) this.#byte((tag & 0x7f) | 0x80);
    this.#byte(tag >= 0x80 ? tag >> 7 : tag);
  }

  #varint64(value: bigint): void {
    let rest = value;
    while (rest >= 0x80n) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  #setLength(at: number, length: number): boolean {
    if (length > MAX_LENGTH) return false;
    this.#room(2);
    this.#buffer[at] = (length & 0x7f) | 0x80;
    this.#buffer[at + 1] = length >> 7;
    return true;
  }

  #byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  /** The two bytes of a length that was reserved before count as well. */
  #room(bytes: number): void {
    const needed = this.#at + bytes + 2;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
