import { directoryOf, issuerNameOf } from '../../../config/certificates/issuer-directory.ts';
import { fail } from '../../../core/errors/errors.ts';
import { addressOf, isAddress } from '../../../core/names/contact.ts';
import { type AccountKeyType, accountKeyTypes } from '../../../core/spec/account-key.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import type { AccountStatus, Fleet } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { issuerFromFlags, proveEabKey } from '../../flags/issuer.ts';
import { given, textOf } from '../../flags/values.ts';
import { formatTable } from '../../output/table.ts';
import { widthOf } from '../../output/text.ts';

/** Returns the issuers that use an account. An unused account gets the name of its CA. */
const issuersOf = ({ issuers, directory }: AccountStatus): readonly string[] =>
  issuers.length === 0 ? [issuerNameOf(directory)] : issuers;

const labelOf = (account: AccountStatus): string =>
  `${issuersOf(account).join(', ')}${account.name === 'default' ? '' : ` (${account.name})`}`;

/** `certfleet account list`. */
export const listAccounts: Run = async (session) => {
  const fleet = await session.fleet({ makeStore: false });
  const accounts = await fleet.accounts(session.signal);
  for (const account of accounts) session.printJson({ object: 'account', ...account });
  if (accounts.length === 0) session.print('There are no accounts yet. `certfleet issue` opens one.');
  else session.printWhole(tableOf(accounts, widthOf(session.context.stdout)));
  return 0;
};

function tableOf(accounts: readonly AccountStatus[], width: number): string {
  const rows = accounts.map((one) => [
    issuersOf(one).join(', '),
    one.name,
    one.rolloverAt === undefined ? one.state : `${one.state}, key change not finished`,
    one.contacts.join(', ') || 'none',
    String(one.certificates.length),
  ]);
  return formatTable(['ISSUER', 'ACCOUNT', 'STATE', 'E-MAIL', 'CERTIFICATES'], rows, width);
}

/** `certfleet account show`. */
export const showAccount: Run = async (session) => {
  const { fleet, account } = await chosen(session);
  const dependents = await fleet.accountDependents(account.id, 'rollover', session.signal);
  session.printJson({ object: 'account', ...account, dependents });
  const { certificates, contacts, replaced } = account;
  const rows: readonly (readonly [string, string])[] = [
    ['Directory', account.directory],
    ['Account', account.name],
    ['State', account.state],
    ...(account.rolloverAt === undefined ? [] : [['Rollover', `started at ${account.rolloverAt}`] as const]),
    ['URL', account.url ?? 'none yet'],
    ['Key', account.keyType],
    ['Thumbprint', account.thumbprint],
    ['E-mail', contacts.join(', ') || 'none'],
    ['Certificates', certificates.join(', ') || 'none'],
    ...replaced.map((url) => ['Replaced', `${url} (deactivated)`] as const),
    ...dependents.map((what) => ['Depends on it', what] as const),
  ];
  session.printWhole(
    `${labelOf(account)}\n\n${rows.map(([key, value]) => `  ${key.padEnd(14)}  ${value}`).join('\n')}\n`,
  );
  return 0;
};

/** `certfleet account open`. */
export const openAccount: Run = async (session) => {
  const [named] = session.invocation.args;
  const issuer = await issuerFromFlags(session, await session.declared(), { named, opensAccount: true });
  await proveEabKey(issuer, session);
  const fleet = await session.fleet({ makeStore: true });
  const { url, wasOpen } = await fleet.openAccount(issuer, session.signal);
  session.printJson({ object: 'account', url, wasOpen });
  session.print(`${issuer.name}: the account ${url} ${wasOpen ? 'was open already' : 'is open'}.`);
  return 0;
};

/** `certfleet account update`. */
export const updateAccount: Run = async (session) => {
  const emails = given(session.invocation.flags, 'email');
  const odd = emails?.find((address) => !isAddress(address));
  if (odd !== undefined) throw fail('usage/invalid-value', { typed: `--email ${odd}`, form: 'an e-mail address' });
  if (emails === undefined)
    throw fail('usage/arguments', {
      what: 'the new addresses, or `none`',
      form: 'certfleet account update --email ADDRESSES',
    });
  const { fleet, account } = await chosen(session);
  const { contacts } = await fleet.changeAccount({ id: account.id, what: 'update', emails }, session.signal);
  const kept = contacts.map(addressOf);
  const missing = emails.length > 0 && kept.length === 0;
  const said = missing ? ' The CA accepted them, but keeps no addresses.' : '';
  session.printJson({ object: 'account', id: account.id, contacts: kept });
  session.print(
    `${labelOf(account)}: ${emails.length === 0 ? 'it has no address now' : `the addresses are now ${emails.join(', ')}`}.${said}`,
  );
  return 0;
};

/** `certfleet account rollover`. */
export const rolloverAccount: Run = async (session) => {
  const typed = textOf(session.invocation.flags['accountKey']);
  const keyType = accountKeyTypes.find((one) => one === typed);
  if (typed !== undefined && keyType === undefined)
    throw fail('usage/unknown-value', {
      typed: `--account-key ${typed}`,
      known: accountKeyTypes.join(', '),
      nearest: didYouMean(typed, accountKeyTypes),
    });
  const { fleet, account } = await chosen(session);
  if (session.invocation.flags['abort'] === true) return giveUp(session, fleet, account);
  await sayDependents(session, fleet, account, 'rollover');
  const request = { id: account.id, what: 'rollover' as const, ...ofType(keyType) };
  const { url, thumbprint, wasDone = false } = await fleet.changeAccount(request, session.signal);
  session.printJson({ object: 'account', id: account.id, url, thumbprint, wasDone });
  session.print(
    wasDone
      ? `${labelOf(account)}: an earlier key change, which was interrupted, had its effect; the account has its new key.`
      : `${labelOf(account)}: the account has a new key. Its URL stays ${url}.`,
  );
  session.print(`Thumbprint: ${thumbprint}`);
  return 0;
};

/** `certfleet account rollover --abort`. */
async function giveUp(session: Session, fleet: Fleet, account: AccountStatus): Promise<number> {
  const request = { id: account.id, what: 'rollover-abort' as const };
  const { url, thumbprint, wasDone = false } = await fleet.changeAccount(request, session.signal);
  session.printJson({ object: 'account', id: account.id, url, thumbprint, wasDone });
  session.print(`${labelOf(account)}: ${givenUpText(account, wasDone)}`);
  session.print(`Thumbprint: ${thumbprint}`);
  return 0;
}

function givenUpText({ rolloverAt }: AccountStatus, wasDone: boolean): string {
  if (wasDone) return 'it is too late: the CA has the new key already, and the account goes on with it.';
  if (rolloverAt === undefined) return 'no rollover is under way, so nothing was changed.';
  return 'the rollover is given up, and the account keeps its key. Proxies that have the configuration for the new key need the present one again: `certfleet stateless` prints it.';
}

const ofType = (keyType: AccountKeyType | undefined) => (keyType === undefined ? {} : { keyType });

/** `certfleet account deactivate`. */
export const deactivateAccount: Run = async (session) => {
  const { fleet, account } = await chosen(session);
  const { certificates } = account;
  if (account.state === 'not open yet') throw fail('account/not-open', { account: account.name });
  session.note(
    [
      `This closes ${account.url ?? 'the account'} for ever.`,
      certificates.length === 0
        ? 'No certificate of this store uses it.'
        : `These certificates use it: ${certificates.join(', ')}. They stay valid until they expire. They cannot be renewed with this account, and only their own keys can revoke them.`,
      'CAA records that name this account must be changed before the next order.',
    ].join('\n'),
  );
  await sayDependents(session, fleet, account, 'deactivate');
  await confirm(session, account);
  const { url } = await fleet.changeAccount({ id: account.id, what: 'deactivate' }, session.signal);
  session.printJson({ object: 'account', id: account.id, url, state: 'deactivated' });
  const [first] = certificates;
  const next =
    first === undefined
      ? 'Next: nothing to do.'
      : `Next: \`certfleet issue ${first} --new-account\` opens a new account for all of them.`;
  session.print(`${labelOf(account)}: deactivated.\n  ${next}`);
  return 0;
};

/** `certfleet account remove`. */
export const removeAccount: Run = async (session) => {
  const { fleet, account } = await chosen(session);
  const force = session.invocation.flags['force'] === true;
  await fleet.changeAccount({ id: account.id, what: 'remove', force }, session.signal);
  session.printJson({ object: 'account', id: account.id, state: 'removed' });
  session.print(`${labelOf(account)}: removed from the store, with its key.`);
  return 0;
};

async function confirm(session: Session, account: AccountStatus): Promise<void> {
  if (session.invocation.flags['yes'] === true) return;
  const what = `the end of the account ${labelOf(account)}`;
  const answer = session.json ? undefined : await session.context.ask?.('Close it? [y/N] ', session.signal);
  if (answer === undefined) throw fail('usage/needs-yes', { what });
  if (!/^y(es)?$/i.test(answer)) throw fail('usage/not-confirmed', { what });
}

async function sayDependents(
  session: Session,
  fleet: Fleet,
  { id }: AccountStatus,
  what: 'rollover' | 'deactivate',
): Promise<void> {
  const dependents = await fleet.accountDependents(id, what, session.signal);
  if (dependents.length > 0) session.note(`It depends on this account:\n${dependents.join('\n')}`);
}

/** Returns the account that the argument or --account names; without either, the only account. */
async function chosen(session: Session): Promise<{ readonly fleet: Fleet; readonly account: AccountStatus }> {
  const { args, flags } = session.invocation;
  const [typed] = args;
  const name = textOf(flags['account']);
  const fleet = await session.fleet({ makeStore: false });
  const accounts = await fleet.accounts(session.signal);
  const directory = typed === undefined ? undefined : directoryOf(typed)?.directory;
  const isMeant = (one: AccountStatus) =>
    (name === undefined || one.name === name) &&
    (typed === undefined || issuersOf(one).includes(typed) || one.directory === directory || one.url === typed);
  const meant = accounts.filter(isMeant);
  const [found, another] = meant;
  if (found && !another) return { fleet, account: found };
  const which = [typed, ...(name === undefined ? [] : [`named ${name}`])].filter((one) => one !== undefined).join(' ');
  const list = (found ? meant : accounts).map(labelOf).join('; ');
  if (found) throw fail('account/several', { which: which === '' ? '' : ` at ${which}`, accounts: list });
  const advice = accounts.length === 0 ? '`certfleet issue` opens one.' : `There are: ${list}.`;
  throw fail('account/not-found', { which: which === '' ? '' : ` ${which}`, advice });
}
