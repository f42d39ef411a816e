import { gzipSync } from "node:zlib";

/** A file of an archive: its path inside, with `/`, and its content. */
export interface ArchiveFile {
  readonly path: string;
  readonly data: Uint8Array;
  readonly executable?: boolean;
}

const BLOCK_SIZE = 512;

/**
 * A gzipped tar archive in the ustar format (POSIX.1-1988), as npm reads it. The same files give the same bytes: entries are
 * sorted, times are zero. Paths up to 255 characters.
 */
export function tarball(files: readonly ArchiveFile[]): Uint8Array {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const blocks = sorted.flatMap((file) => [header(file), padded(file.data)]);
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_SIZE)]), { level: 6 });
}

function padded(data: Uint8Array): Buffer {
  const rest = data.length % BLOCK_SIZE;
  return Buffer.concat([data, Buffer.alloc(rest === 0 ? 0 : BLOCK_SIZE - rest)]);
}

function header({ path, data, executable = false }: ArchiveFile): Buffer {
  const [prefix, name] = splitPath(path);
  const block = Buffer.alloc(BLOCK_SIZE);
  block.write(name, 0, 100);
  block.write(executable ? "0000755\0" : "0000644\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  block.write(`${octal(data.length, 11)} `, 124);
  block.write(`${octal(0, 11)} `, 136);
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  block.write(prefix, 345, 155);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

/** The format has 100 bytes for the name and 155 for the folders before it. */
function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return [prefix, name];
  }
  throw new Error(`the path is too long for an archive: ${path}`);
}
