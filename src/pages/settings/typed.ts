import type { Context } from 'hono';
import type { By } from '../../access/access.ts';
import type { Env } from '../../access/who.ts';
import { isRole, type Role } from '../../core/access/role.ts';
import { isUserName, passwordProblem } from '../../core/access/user.ts';
import type { Language } from '../../core/errors/wording.ts';
import { problemText } from '../login.tsx';
import type { UserForm } from './users.tsx';

/** What a person typed into a form of the settings, and who it was. */

export const byOf = (c: Context<Env>): By => ({ name: c.var.who.name, via: c.var.who.via, from: c.var.from });

export const nameProblem = (name: string, language: Language): string | undefined =>
  isUserName(name) ? undefined : problemText(language, 'bad-name');

/** A form that is not ours gets the least. */
export const roleIn = (typed: string): Role => (isRole(typed) ? typed : 'viewer');

export async function fieldsOf(c: Context<Env>): Promise<(name: string) => string> {
  const body = await c.req.parseBody().catch(() => ({}) as Record<string, unknown>);
  return (name) => {
    const value = body[name];
    return typeof value === 'string' ? value.slice(0, 1_000) : '';
  };
}

export function passwordProblems(
  c: Context<Env>,
  name: string,
  typed: (name: string) => string,
): Pick<UserForm['problems'], 'password' | 'again'> {
  const problem = passwordProblem(typed('password'), name);
  if (problem) return { password: problemText(c.var.language, problem) };
  return typed('password') === typed('again') ? {} : { again: problemText(c.var.language, 'unequal') };
}
