import { fail } from '../../core/errors/errors.ts';
import { type Role, roles } from '../../core/node/running.ts';
import type { Session } from '../context.ts';

/** Returns the role that `--role` names. Fails with `usage/invalid-value`. */
export function roleOf({ invocation }: Session): Role {
  const { role = 'node' } = invocation.flags;
  const found = roles.find((one) => one === role);
  if (!found) throw fail('usage/invalid-value', { typed: `--role ${role}`, form: roles.join(' or ') });
  return found;
}
