/**
 * As little of an HTTP/2 client as one server stream needs (RFC 9113, RFC 7541): sends one request on stream 1 and counts the
 * bytes of its DATA frames. Windows are as large as they can be, so that none needs to be enlarged.
 */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const WINDOW_UPDATE = 8;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const LARGEST_WINDOW = 0x7fffffff;
const INITIAL_WINDOW_SIZE = 4;

function frame(type: number, flags: number, { stream, payload }: { stream: number; payload: Buffer }): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal header fields without indexing, RFC 7541 §6.2.2; names and values shorter than 127 bytes, or with a longer length. */
function headers(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length: number[] = [];
  if (bytes.byteLength < 127) length.push(bytes.byteLength);
  else {
    length.push(127);
    let rest = bytes.byteLength - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

export interface Opening {
  readonly path: string;
  readonly token: string;
  readonly port: number;
  readonly message: Uint8Array;
}

/** Everything that a client has to say: preface, settings, the request and its one message. */
export function openingBytes({ path, token, port, message }: Opening): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
  settings.writeUInt32BE(LARGEST_WINDOW, 2);
  const enlarge = Buffer.alloc(4);
  enlarge.writeUInt32BE(LARGEST_WINDOW - 65_535);
  const request = headers([
    [":method", "POST"],
    [":scheme", "http"],
    [":authority", `127.0.0.1:${port}`],
    [":path", path],
    ["content-type", "application/connect+proto"],
    ["authorization", `Bearer ${token}`],
  ]);
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([
    PREFACE,
    frame(SETTINGS, 0, { stream: 0, payload: settings }),
    frame(WINDOW_UPDATE, 0, { stream: 0, payload: enlarge }),
    frame(HEADERS, END_HEADERS, { stream: 1, payload: request }),
    frame(DATA, END_STREAM, { stream: 1, payload: Buffer.concat([envelope, message]) }),
  ]);
}

interface FrameReader {
  reply(bytes: Buffer): void;
  onData(bytes: number): void;
}

/** Reads frames from chunks that may end anywhere. */
export function createFrameReader({ reply, onData }: FrameReader): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk]);
    let at = 0;
    while (bytes.byteLength - at >= 9) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.byteLength - at - 9 < length) break;
      const type = bytes[at + 3];
      const acknowledges = ((bytes[at + 4] ?? 0) & ACK) !== 0;
      if (type === DATA) onData(length);
      else if (type === SETTINGS && !acknowledges) reply(frame(SETTINGS, ACK, { stream: 0, payload: Buffer.alloc(0) }));
      else if (type === PING && !acknowledges) {
        reply(frame(PING, ACK, { stream: 0, payload: bytes.subarray(at + 9, at + 9 + length) }));
      }
      at += 9 + length;
    }
    held = Buffer.from(bytes.subarray(at));
  };
}
