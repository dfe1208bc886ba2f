/** Returns an ID that sorts by time, is unique in the lineage, and is safe as a file name: `20261124-173001-k3f9ab`. */
export function newVersionId(random: { bytes(count: number): Uint8Array }, now: Date): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${Buffer.from(random.bytes(3)).toString('hex')}`;
}
