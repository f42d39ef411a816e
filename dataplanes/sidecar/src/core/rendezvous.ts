/**
 * Highest random weight hashing (Thaler and Ravishankar, 1998): everybody puts the same nodes in the same order for a key, and
 * a node that comes or goes moves only its own share of keys.
 */
export function rendezvousOrder(key: string, nodes: readonly string[]): readonly string[] {
  return nodes
    .map((node) => ({ node, score: hash(`${node}\0${key}`) }))
    .toSorted((a, b) => b.score - a.score || (a.node < b.node ? -1 : 1))
    .map(({ node }) => node);
}

/** FNV-1a, 32 bits, then MurmurHash3's finalizer, so that addresses that differ in one digit do not score alike. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
