import { decodeDocument } from '../lineage/lineage.ts';
import type { Role } from './role.ts';
import type { UserDocument } from './user.ts';

/** `login/<SHA-256 of the cookie>`: a browser that has logged in. */
export interface LoginDocument {
  readonly schema: 1;
  readonly user: string;
  /** The role that an OpenID provider gave to someone who logged in there, and has no user document. */
  readonly role?: Role;
  /** Of the user when it began; for a login with a role, that of what decides about roles. */
  readonly epoch: string;
  readonly at: string;
  /** Written now and then, not at each request. */
  readonly seenAt: string;
}

/** Reads the document. Fails with `store/corrupt`. */
export const decodeLogin = (bytes: Uint8Array, name: string, file: string): LoginDocument =>
  decodeDocument<LoginDocument>(bytes, { key: `login/${name}`, file }, ['user', 'epoch', 'at', 'seenAt']);

const hourMs = 3_600_000;
const idleMs = 12 * hourMs;
const longestMs = 7 * 24 * hourMs;
/** A login that was seen so long ago is written again when it is used. */
const noteMs = hourMs / 4;

/** Reports whether a login is over, because of its age or of a change of its user. */
export function isOver(login: LoginDocument, user: Pick<UserDocument, 'epoch'> | undefined, now: Date): boolean {
  const since = (text: string) => now.getTime() - Date.parse(text);
  // A provider does not say when someone loses a role, so that login is short. A time that cannot be read counts as long ago.
  const isYoung = since(login.at) < (login.role ? idleMs : longestMs) && since(login.seenAt) < idleMs;
  return !isYoung || user?.epoch !== login.epoch;
}

/** Reports whether to write that a login is in use. */
export const isToNote = ({ seenAt }: LoginDocument, now: Date): boolean => now.getTime() - Date.parse(seenAt) > noteMs;
