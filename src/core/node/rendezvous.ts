/**
 * Returns the node that takes care of something that only one of several nodes should do; undefined if there is none.
 *
 * All nodes get the same answer without asking each other: each node has a score for the key, and the highest one wins
 * (rendezvous hashing). If a node comes or goes, only what it gets or had moves.
 */
export function ownerOf(key: string, nodes: readonly string[]): string | undefined {
  let owner: { readonly node: string; readonly score: number } | undefined;
  for (const node of nodes) {
    const score = scoreOf(key, node);
    // Nodes with the same score must not depend on the order in which they are listed.
    if (!owner || score > owner.score || (score === owner.score && node < owner.node)) owner = { node, score };
  }
  return owner?.node;
}

/**
 * Returns how many of the nodes come before this one for a key: 0 for the owner, 1 for the one that is the owner without
 * that, and so on.
 */
export function rankOf(key: string, node: string, nodes: readonly string[]): number {
  const own = scoreOf(key, node);
  const isBefore = (other: string) => {
    const score = scoreOf(key, other);
    return score > own || (score === own && other < node);
  };
  return new Set(nodes.filter((other) => other !== node && isBefore(other))).size;
}

/** Hashes a pair to 32 bits. The length separates the two texts, so that `a`, `bc` is not `ab`, `c`. */
export function scoreOf(key: string, node: string): number {
  let hash = 0x811c9dc5;
  for (const unit of codeUnits(`${node.length}:${node}${key}`)) hash = Math.imul(hash ^ unit, 0x01000193);
  // FNV changes its upper bits little at the end of a text. Two rounds of multiply and fold mix all of them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function* codeUnits(text: string): Iterable<number> {
  for (let at = 0; at < text.length; at += 1) yield text.charCodeAt(at);
}
