import { createHash } from 'node:crypto';
import type { Key } from '../../ports/store.ts';

/** A name as SQL has it. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Names are bytes, because a text in PostgreSQL cannot have a NUL. */
export const bytesOf = (name: string): Uint8Array => Buffer.from(name, 'utf8');

/** The column `key` of a document, in hex. */
export const keyOf = ({ name }: Key): string => createHash('sha256').update(bytesOf(name)).digest('hex');

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const isRevision = (text: string): boolean => uuid.test(text);

/** A revision that no document has. */
export const noRevision = '00000000-0000-0000-0000-000000000000';

/** A random UUID. */
export function revisionFrom(random: Uint8Array): string {
  const bytes = Buffer.from(random);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export const fromBase64 = (text: string | null | undefined): Uint8Array => {
  // Of its own memory, because small buffers share theirs.
  return new Uint8Array(Buffer.from(text ?? '', 'base64'));
};

export const nameFrom = (base64: string | null | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();
