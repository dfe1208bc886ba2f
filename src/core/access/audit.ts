import { cut, remoteText } from '../errors/remote-text.ts';
import { decodeDocument, encodeDocument } from '../lineage/lineage.ts';
import { isFields } from '../text/json.ts';
import { present } from '../text/present.ts';
import type { Who } from './role.ts';

/** One thing that someone did, or tried. */
export interface AuditEntry {
  readonly at: string;
  readonly who: string;
  /** `command` for the command line. */
  readonly via: Who['via'] | 'command' | 'link';
  /** The address of the client, if there is one. */
  readonly from?: string | undefined;
  /** `login`, `user.add`, `certificate.renew`… */
  readonly what: string;
  /** What it was done to: the name of a user, a token, a certificate… */
  readonly object: string;
  readonly detail?: string | undefined;
  /** `done`, `refused`, or the code of the failure. */
  readonly result: string;
}

/** `audit/<day>`, and `audit/<day>~2` and so on if there is much: what was done on a day in UTC, the latest last. */
interface AuditDocument {
  readonly schema: 1;
  readonly entries: readonly AuditEntry[];
}

/** A document is read and written whole with each entry. */
const mostBytes = 64 * 1024;

/** The name of a part of a day's log. Parts count from 1. */
export const auditName = (day: string, part: number): string => (part === 1 ? day : `${day}~${part}`);

export const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

const dayMs = 86_400_000;

/** Returns the days from one instant to another, the earliest first. */
export function daysBetween(from: Date, to: Date): readonly string[] {
  const days: string[] = [];
  for (let at = Date.parse(dayOf(from)); at <= to.getTime(); at += dayMs) days.push(dayOf(new Date(at)));
  return days;
}

/** Reads a part. Fails with `store/corrupt`. */
export function decodeAudit(bytes: Uint8Array, name: string, file: string): readonly AuditEntry[] {
  const { entries } = decodeDocument<AuditDocument>(bytes, { key: `audit/${name}`, file }, ['entries']);
  return Array.isArray(entries) ? entries.filter(isEntry) : [];
}

const isEntry = (value: unknown): value is AuditEntry =>
  isFields(value) && ['at', 'who', 'via', 'what', 'object', 'result'].every((key) => typeof value[key] === 'string');

/** Returns the part with one more entry, or undefined if it is full. */
export function withEntry(entries: readonly AuditEntry[], entry: AuditEntry): Uint8Array | undefined {
  const bytes = encodeDocument({ schema: 1, entries: [...entries, entry] } satisfies AuditDocument);
  return bytes.length <= mostBytes || entries.length === 0 ? bytes : undefined;
}

/** Makes an entry fit to be stored and shown: what was typed may be anything. */
export function cleaned({ who, object, detail, from, ...rest }: AuditEntry): AuditEntry {
  const text = (value: string, most: number) => cut(remoteText(value), most);
  return {
    ...rest,
    ...{ who: text(who, 100), object: text(object, 200) },
    ...present({ detail: detail && text(detail, 500), from: from && text(from, 64) }),
  };
}
