import { isUserName, userNameRule } from '../../../core/access/user.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { Run } from '../../context.ts';
import { listOf } from '../../flags/values.ts';
import { formatTable } from '../../output/table.ts';
import { dateText, widthOf } from '../../output/text.ts';
import { accessOf, roleIn, spanIn, typing } from './people.ts';

/** `certfleet token list` */
export const listTokens: Run = async (session) => {
  const tokens = await (await accessOf(session)).tokens.list(session.signal);
  for (const token of tokens) session.printJson({ object: 'token', ...token });
  if (session.json) return 0;
  if (tokens.length === 0) {
    session.print('There are no API tokens. `certfleet token add NAME` makes one.');
    return 0;
  }
  const now = await session.now();
  const rows = tokens.map(({ name, role, scope, createdBy, expiresAt }) => [
    ...[name, role, scope?.join(', ') ?? 'all', createdBy],
    expiresAt === undefined
      ? 'never'
      : `${Date.parse(expiresAt) <= now.getTime() ? 'over since ' : ''}${dateText(expiresAt, now)}`,
  ]);
  const head = ['TOKEN', 'ROLE', 'CERTIFICATES', 'MADE BY', 'EXPIRES'];
  session.printWhole(formatTable(head, rows, widthOf(session.context.stdout)));
  return 0;
};

/** `certfleet token add` */
export const addToken: Run = async (session) => {
  const [name = ''] = session.invocation.args;
  if (!isUserName(name)) throw fail('access/user-name', { name, rule: userNameRule });
  const role = roleIn(session) ?? 'viewer';
  const scope = listOf(session.invocation.flags['scope']);
  const ms = spanIn(session, 'expires', 3_660);
  const expiresAt = ms === undefined ? undefined : new Date((await session.now()).getTime() + ms).toISOString();
  const wish = { name, role, scope: scope.length > 0 ? scope : undefined, expiresAt };
  const token = await (await accessOf(session)).tokens.add(wish, typing(session), session.signal);
  session.printJson({ object: 'token', ...wish, token });
  session.printWhole(token);
  session.note(`Keep it now: it is not shown again. Programs send it as \`Authorization: Bearer ${'TOKEN'}\`.`);
  return 0;
};

/** `certfleet token remove` */
export const removeToken: Run = async (session) => {
  const [name = ''] = session.invocation.args;
  await (await accessOf(session)).tokens.remove(name, typing(session), session.signal);
  session.printJson({ object: 'token', name, removed: true });
  session.print(`Removed the API token ${name}.`);
  return 0;
};
