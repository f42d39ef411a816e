/**
 * Highest random weight hashing (Thaler and Ravishankar, 1998): every replica picks the same node for a key without talking,
 * and a node that comes or goes moves only its own share of keys.
 */
export function rendezvousOrder<Node>(
  key: string,
  nodes: readonly Node[],
  nameOf: (node: Node) => string,
): readonly Node[] {
  return nodes
    .map((node) => ({ node, name: nameOf(node), score: hash(`${nameOf(node)}\0${key}`) }))
    .sort((a, b) => (a.score === b.score ? (a.name < b.name ? -1 : 1) : b.score - a.score))
    .map(({ node }) => node);
}

/** FNV-1a, 32 bits, with the finalizer of MurmurHash3 so that similar names do not get similar scores. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
