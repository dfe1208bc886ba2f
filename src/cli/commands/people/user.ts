import { firstUrlOf } from '../../../core/access/pages-url.ts';
import { isUserName, passwordProblem, passwordProblems, userNameRule } from '../../../core/access/user.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { Run, Session } from '../../context.ts';
import { askNewPassword, passwordIn } from '../../flags/password.ts';
import { textOf } from '../../flags/values.ts';
import { formatTable } from '../../output/table.ts';
import { dateText, widthOf } from '../../output/text.ts';
import { accessOf, roleIn, typing } from './people.ts';

/** `certfleet user list` */
export const listUsers: Run = async (session) => {
  const users = await (await accessOf(session)).users.list(session.signal);
  for (const user of users) session.printJson({ object: 'user', ...user });
  if (session.json) return 0;
  if (users.length === 0) {
    session.print('There are no users yet. `certfleet user add NAME --role admin` adds the first one.');
    return 0;
  }
  const now = await session.now();
  const rows = users.map(({ name, role, passwordAt }) => [name, role, dateText(passwordAt, now)]);
  session.printWhole(formatTable(['USER', 'ROLE', 'PASSWORD SET'], rows, widthOf(session.context.stdout)));
  return 0;
};

/** `certfleet user add` */
export const addUser: Run = async (session) => {
  const [name = ''] = session.invocation.args;
  const role = roleIn(session) ?? 'viewer';
  if (!isUserName(name)) throw fail('access/user-name', { name, rule: userNameRule });
  const access = await accessOf(session);
  if ((await access.users.list(session.signal)).some((user) => user.name === name.toLowerCase()))
    throw fail('access/user-exists', { name });
  const password = await passwordOf(session, name);
  await access.users.add({ name, role, password }, typing(session), session.signal);
  session.printJson({ object: 'user', name: name.toLowerCase(), role });
  session.print(`Added ${name.toLowerCase()} (${role}).`);
  if (!(await session.settings()).pages)
    session.note('`pages` in the configuration says where the pages are; without it, there are none.');
  return 0;
};

/** `certfleet user role` */
export const setRole: Run = async (session) => {
  const [name = ''] = session.invocation.args;
  const role = roleIn(session);
  if (!role) throw fail('usage/arguments', { what: 'the role', form: 'certfleet user role NAME --role ROLE' });
  await (await accessOf(session)).users.setRole(name, role, typing(session), session.signal);
  session.printJson({ object: 'user', name: name.toLowerCase(), role });
  session.print(`${name.toLowerCase()} is ${role} now, and must log in again.`);
  return 0;
};

/** `certfleet user password` */
export const setPassword: Run = async (session) => {
  const [name = ''] = session.invocation.args;
  const access = await accessOf(session);
  if (!(await access.users.list(session.signal)).some((user) => user.name === name.toLowerCase()))
    throw fail('access/no-user', { name });
  await access.users.setPassword(name, await passwordOf(session, name), typing(session), session.signal);
  session.printJson({ object: 'user', name: name.toLowerCase() });
  session.print(`${name.toLowerCase()} has a new password, and must log in again.`);
  return 0;
};

/** `certfleet user remove` */
export const removeUser: Run = async (session) => {
  const [name = ''] = session.invocation.args;
  await (await accessOf(session)).users.remove(name, typing(session), session.signal);
  session.printJson({ object: 'user', name: name.toLowerCase(), removed: true });
  session.print(`Removed ${name.toLowerCase()}.`);
  return 0;
};

/** `certfleet user link` */
export const printLink: Run = async (session) => {
  const { pages } = await session.settings();
  if (!pages)
    throw fail('usage/not-applicable', {
      typed: 'user link',
      reason: '`pages` is not in the configuration, so there is no page that the link could open',
      advice: 'Add it, or add the user with `certfleet user add NAME --role admin`.',
    });
  const secret = await (await accessOf(session)).first.make(session.signal);
  if (secret === undefined) throw fail('access/has-users', {});
  const url = firstUrlOf(pages, secret);
  if (url === undefined)
    throw fail('usage/not-applicable', {
      typed: 'user link',
      reason: 'the pages are at Unix sockets alone, which need no login',
      advice: 'Add an address to `pages.listen`, or add the user with `certfleet user add NAME --role admin`.',
    });
  session.printJson({ object: 'link', url });
  session.printWhole(url);
  session.note('Open it within 15 minutes, and choose the name and the password of the first administrator.');
  return 0;
};

/** A password is never typed as a flag, where every user of the machine could read it. */
async function passwordOf(session: Session, name: string): Promise<string> {
  const file = textOf(session.invocation.flags['passwordFile']);
  const given =
    file === undefined
      ? await askNewPassword(session, {
          ...{ question: `Password for ${name}: `, what: 'entering a password', advice: 'Add --password-file FILE.' },
        })
      : await passwordIn(session, '--password-file ', file);
  const problem = passwordProblem(given.reveal(), name);
  if (problem) throw fail('access/password', { reason: passwordProblems[problem] });
  return given.reveal();
}
