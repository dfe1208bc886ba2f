import { hash } from 'node:crypto';

/**
 * One document as a file: a line of text that describes it, then the bytes.
 *
 * ```
 * certfleet 1 live 7 3qZxk0aB 9fKd_2Lm 713 8c1f…(32 hex) "www.example.com"
 * {"schema":1,…
 * ```
 *
 * state · number, as in the file's name · nonce · nonce of the revision it is based on (`-`: none) · length · the first
 * half of a SHA-256 over the line and the bytes · name. The digest detects a damaged file, and the number a file that a
 * writer has begun to overwrite. The nonce makes a revision unique even if its number is used again years after a
 * deletion. The predecessor's nonce proves to a slow writer that the next revision is based on its own. A deletion
 * marker has a line, too, so that a file truncated by a crash never reads as deleted.
 */
export interface StoredDocument {
  readonly state: 'live' | 'deleted';
  readonly number: number;
  readonly name: string;
  readonly nonce: string;
  readonly after: string;
  readonly bytes: Uint8Array;
}

export const noPredecessor = '-';

const magic = 'certfleet 1';
const newline = 0x0a;

// `hash` creates no object, so it takes half as long as `createHash`.
const digestOf = (fields: string, bytes: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(fields), bytes]), 'hex').slice(0, 32);

export function encodeStored(document: StoredDocument): Uint8Array {
  const { state, number, nonce, after, bytes, name } = document;
  const before = `${magic} ${state} ${number} ${nonce} ${after} ${bytes.length}`;
  const text = JSON.stringify(name);
  const line = `${before} ${digestOf(`${before} ${text}\n`, bytes)} ${text}\n`;
  return Buffer.concat([Buffer.from(line), bytes]);
}

const linePattern = /^(certfleet 1 (live|deleted) (\d+) ([\w-]+) ([\w-]+) (\d+)) ([0-9a-f]{32}) (".*")$/;

/** Decodes a file. Returns the reason as a string if the file cannot be trusted. */
export function decodeStored(file: Uint8Array): StoredDocument | string {
  if (file.length === 0) return 'the file is empty';
  const end = file.indexOf(newline);
  if (end < 0) return 'the file ends in its first line';
  const match = linePattern.exec(Buffer.from(file.buffer, file.byteOffset, end).toString('utf8'));
  if (!match) return 'certfleet did not write its first line';
  const [, before = '', state, number, nonce = '', after = '', length = '', digest, text = ''] = match;
  const bytes = file.subarray(end + 1);
  if (bytes.length !== Number(length)) return `it has ${bytes.length} bytes, but ${length} were written`;
  if (digestOf(`${before} ${text}\n`, bytes) !== digest)
    return 'its content has changed since it was written (checksum)';
  return {
    state: state as 'live' | 'deleted',
    number: Number(number),
    name: JSON.parse(text) as string,
    nonce,
    after,
    bytes,
  };
}
