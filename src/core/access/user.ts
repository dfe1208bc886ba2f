import { fail } from '../errors/errors.ts';
import { decodeDocument } from '../lineage/lineage.ts';
import { isRole, type Role } from './role.ts';

/** `user/<name>`. */
export interface UserDocument {
  readonly schema: 1;
  readonly role: Role;
  /** The password, as {@link PasswordHash} keeps it. */
  readonly password: PasswordHash;
  /** Differs after each change of password or role, which ends the logins of before. */
  readonly epoch: string;
  readonly createdAt: string;
  readonly passwordAt: string;
}

export interface PasswordHash {
  readonly scrypt: { readonly cost: number; readonly blockSize: number; readonly parallelization: number };
  /** In base64. */
  readonly salt: string;
  readonly hash: string;
}

/** Reads the document. Fails with `store/corrupt`. */
export function decodeUser(bytes: Uint8Array, name: string, file: string): UserDocument {
  const where = { key: `user/${name}`, file };
  const user = decodeDocument<UserDocument>(bytes, where, ['role', 'password', 'epoch', 'createdAt']);
  if (!isRole(user.role)) throw fail('store/corrupt', { ...where, reason: 'it has an unknown role' });
  return user;
}

export const isUserName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/.test(text);

/** Follows words such as `expected`. */
export const userNameRule = '1 to 64 of A-Z a-z 0-9 . _ @ + - that begin with a letter or digit';

/** In characters. Longer ones are refused, because they only cost time. */
export const shortestPassword = 12;
const longestPassword = 256;

export type PasswordProblem = 'too-short' | 'too-long' | 'too-simple' | 'is-name';

/**
 * Returns what is wrong with a new password. Length is what matters (NIST SP 800-63B), so nothing is demanded of its
 * characters, except that they are not a few, repeated.
 */
export function passwordProblem(password: string, name: string): PasswordProblem | undefined {
  const { length } = [...password];
  if (length < shortestPassword) return 'too-short';
  if (length > longestPassword) return 'too-long';
  const plain = password.toLowerCase();
  if (new Set(plain).size < 5 || /^(.{1,6})\1+$/s.test(plain)) return 'too-simple';
  const without = name === '' ? plain : plain.replaceAll(name.toLowerCase(), '');
  return [...without].length < shortestPassword / 2 ? 'is-name' : undefined;
}

export const passwordProblems: Readonly<Record<PasswordProblem, string>> = {
  'too-short': `a password has at least ${shortestPassword} characters`,
  'too-long': `a password has at most ${longestPassword} characters`,
  'too-simple': 'the password is a few characters, repeated',
  'is-name': 'the password is little more than the name of the user',
};
