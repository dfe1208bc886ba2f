import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { Key } from '../../ports/store.ts';

/**
 * The path of a document is `<root>/<kind>/<2 hex of sha1(name)>/<name>@<number>`.
 *
 * If a name is not a safe file name (other characters, longer than 200, a leading dot, which marks temporary files),
 * the file is named `=` and the SHA-256 of the name in hex, and its first line contains the name. The limit is 200
 * because a file name has at most 255 bytes, and `@` with a number takes up to 17.
 */
const plainName = /^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199}$/;
const revisionFile = /^(=[0-9a-f]{64}|[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199})@([1-9]\d{0,15})$/;

export interface Place {
  readonly folder: string;
  /** The file name without `@<number>`. */
  readonly stem: string;
}

const sha = (algorithm: string, text: string): string => hash(algorithm, text, 'hex');

export const stemOf = (name: string): string => (plainName.test(name) ? name : `=${sha('sha256', name)}`);

export const placeOf = (root: string, key: Key): Place => ({
  folder: join(root, key.kind, sha('sha1', key.name).slice(0, 2)),
  stem: stemOf(key.name),
});

/** Reports whether the file is named by a digest of the document's name. */
export const isHashed = ({ stem }: Pick<Place, 'stem'>): boolean => stem.startsWith('=');

/**
 * The largest size of a deletion marker: one line of at most 93 bytes besides the name, which has up to 200 if it is
 * also the file's name. Larger files are not opened to check, which would open each key and certificate.
 */
export const longestMarker = 300;

export const pathOf = ({ folder, stem }: Place, number: number): string => `${folder}/${stem}@${number}`;

/** Returns the numbers of one document in a folder listing, lowest first. */
export function numbersOf(stem: string, names: readonly string[]): readonly number[] {
  const prefix = `${stem}@`;
  const numbers: number[] = [];
  for (const name of names) {
    if (name.startsWith(prefix) && revisionFile.test(name)) numbers.push(Number(name.slice(prefix.length)));
  }
  return numbers.sort((a, b) => a - b);
}

/** Returns all documents in a folder listing, each with its numbers, lowest first. Skips other files. */
export function groupByStem(names: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  for (const name of names) {
    const match = revisionFile.exec(name);
    if (!match) continue;
    const [, stem = '', number] = match;
    const numbers = groups.get(stem);
    if (numbers) numbers.push(Number(number));
    else groups.set(stem, [Number(number)]);
  }
  for (const numbers of groups.values()) numbers.sort((a, b) => a - b);
  return groups;
}

/** Returns all documents in a folder listing, each with its latest number. */
export function latestByStem(names: readonly string[]): ReadonlyMap<string, number> {
  const latest = new Map<string, number>();
  for (const name of names) {
    const at = name.lastIndexOf('@');
    // Most documents have only a first revision, and each pass reads thousands of names.
    const number = name.endsWith('@1') ? 1 : revisionFile.test(name) ? Number(name.slice(at + 1)) : 0;
    const stem = name.slice(0, at);
    if (number > (latest.get(stem) ?? 0)) latest.set(stem, number);
  }
  return latest;
}

export const isShard = (name: string): boolean => /^[0-9a-f]{2}$/.test(name);
