/** The array itself when it has `length` elements, else one at least twice as long with its content. */
export function roomInFloats(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (length <= array.length) return array;
  const larger = new Float64Array(Math.max(array.length * 2, length));
  larger.set(array);
  return larger;
}

/** As `roomInFloats`. */
export function roomInInts(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  if (length <= array.length) return array;
  const larger = new Int32Array(Math.max(array.length * 2, length));
  larger.set(array);
  return larger;
}

/** As `roomInFloats`. */
export function roomInUints(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  if (length <= array.length) return array;
  const larger = new Uint32Array(Math.max(array.length * 2, length));
  larger.set(array);
  return larger;
}
