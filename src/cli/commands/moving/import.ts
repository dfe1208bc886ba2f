import { join, resolve } from 'node:path';
import { defaultPaths } from '../../../config/settings/defaults.ts';
import { fail, isFailure } from '../../../core/errors/errors.ts';
import type { Adopted, AdoptedAccount, Adoption, Remark, Undone } from '../../../core/lineage/found.ts';
import { copiesTarget, inPlaceTarget } from '../../../core/spec/in-place.ts';
import type { Settings } from '../../../core/spec/spec.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import { present } from '../../../core/text/present.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import type { Fleet } from '../../../fleet.ts';
import { importers } from '../../../migrate/importers.ts';
import type { Run, Session } from '../../context.ts';
import { deployersFromFlags } from '../../flags/targets.ts';
import { expandHome, keptPath, withPlaces } from '../../flags/values.ts';
import { onOneLine } from '../../guard.ts';
import { dateText, type Style, styleOf } from '../../output/text.ts';
import { registryOf } from '../../registry.ts';
import { type Scheduled, scheduledIn, storeOf } from '../../timers/crontab.ts';
import { type OtherTimer, timersOf } from '../../timers/other-timers.ts';

/** `certfleet import CLIENT [PATH]`. */
export const importClient: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [client = '', path, more] = args;
  const load = Object.hasOwn(importers, client) ? importers[client] : undefined;
  if (!load) {
    const known = Object.keys(importers);
    throw fail('usage/unknown-value', {
      typed: `import ${client}`,
      known: `one of ${known.join(', ')}`,
      nearest: didYouMean(client, known),
    });
  }
  if (more !== undefined) throw fail('usage/arguments', { what: 'one folder', form: 'certfleet import CLIENT PATH' });
  const [importer, settings, { files }] = [await load(), await session.settings(), await session.world()];
  const root = path === undefined ? usualPath(importer.path, session) : keptPath('', path, session);
  const inPlace = flags['inPlace'] === true;
  const dryRun = flags['dryRun'] === true;
  if ((inPlace || flags['undo'] === true) && !importer.inPlace)
    throw fail('usage/not-applicable', {
      typed: inPlace ? '--in-place' : '--undo',
      reason: `it applies to certbot’s folder, not to a ${client} folder`,
      advice: 'Leave it out.',
    });
  if (flags['undo'] === true) return undo(session, root);
  if (inPlace && flags['deploy'] !== undefined)
    throw fail('usage/flags-exclude', {
      one: '--in-place',
      other: '--deploy',
      reason: 'they name two destinations for the files',
    });
  const registry = await registryOf(session);
  const deployers = await deployersFromFlags(session, settings);
  if (importer.inPlace) refuseOwnFolder(deployers, importer.title, root);
  // A folder may have thousands of certificates.
  session.context.saveMemory?.();
  const found = await importer.read(root, { files, env: session.context.env, registry, settings, inPlace });
  // The user may have named a folder above or below the right one.
  if (found.accounts.length + found.certificates.length === 0) throw fail('import/absent', { client, path: root });
  const fleet = await openFleet(session, dryRun);
  const options = {
    ...{ dryRun, deployers },
    has: [inPlace ? inPlaceTarget(root) : copiesTarget(root)],
    ...present({ keepDoubles: inPlace || undefined }),
  };
  const adoption = await fleet.adopt(found, options, session.signal);
  const paths = defaultPaths(session.context.env);
  // If the usual place is a home folder, the path may be in another user's.
  const isUsual = path === undefined || !importer.path.startsWith('/') || root === usualPath(importer.path, session);
  const timers = dryRun ? [] : await timersOf(client, files, paths, isUsual ? undefined : root);
  const renewedBy = await scheduledIn('renew', files, paths, storeOf(session));
  const hasTarget = inPlace || Object.keys(deployers).length > 0;
  const told = importer.inPlace ? hasTarget : undefined;
  const remarks = onOneLine(found.remarks);
  return tell(session, { title: importer.title, root, dryRun, inPlace: told, remarks, adoption, timers, renewedBy });
};

/**
 * Refuses a deployer that writes its own layout in the client's folder: it would not find its way there, and fail at
 * the first renewal.
 */
function refuseOwnFolder(deployers: Settings['deployers'], title: string, root: string): void {
  for (const {
    name,
    settings: { path },
  } of Object.values(deployers))
    if (typeof path === 'string' && resolve(path) === resolve(root))
      throw fail('usage/not-applicable', {
        typed: `--deploy ${name}`,
        reason: `${root} is the folder of ${title} itself`,
        advice: 'To keep writing to that folder, use --in-place.',
      });
}

/** Returns the usual path, below the folder that tests use in place of `/`. */
const usualPath = (path: string, { context }: Session): string =>
  path.startsWith('/') ? join(context.env['CERTFLEET_ROOT'] || '/', path) : expandHome('', path, context.env);

/** Opens the fleet. A dry run does not create a store. */
async function openFleet(session: Session, dryRun: boolean): Promise<Fleet> {
  if (!dryRun) return session.fleet({ makeStore: true });
  try {
    return await session.fleet({ makeStore: false });
  } catch (error) {
    if (!isFailure(error, 'store/absent')) throw error;
    return session.fleet({ makeStore: true, inMemory: true });
  }
}

interface Told {
  /** The title of the other client. */
  readonly title: string;
  readonly root: string;
  readonly dryRun: boolean;
  /** False if new versions could go into the client’s own folder, but do not. */
  readonly inPlace: boolean | undefined;
  /** Remarks that concern no single certificate. */
  readonly remarks: readonly Remark[];
  readonly adoption: Adoption;
  /** Timers that still start the other client. */
  readonly timers: readonly OtherTimer[];
  /** The timer on this machine that already runs `certfleet renew`. */
  readonly renewedBy: Scheduled | undefined;
}

async function tell(
  session: Session,
  { title, root, dryRun, inPlace, remarks, adoption, timers, renewedBy }: Told,
): Promise<number> {
  const now = await session.now();
  const style = styleOf({ isTerminal: session.context.isTerminal, env: session.context.env });
  const { accounts, certificates, remaining = 0 } = adoption;
  const total = certificates.length + remaining;
  for (const account of accounts) session.printJson({ object: 'account', dryRun, ...account });
  for (const certificate of certificates) session.printJson({ object: 'certificate', dryRun, ...certificate });
  for (const timer of timers) session.printJson({ object: 'timer', ...timer });
  for (const remark of remarks) session.printJson({ object: 'remark', ...remark });
  const failed = certificates.filter(({ result }) => result === 'failed');
  if (!session.quiet) {
    for (const account of accounts) session.print(accountLine(account, dryRun));
    for (const remark of remarks) session.print(remarkLine(withItsPlaces(remark, session), style));
  }
  for (const one of certificates) {
    if (one.result === 'failed')
      session.complain(`${style.bad(one.certificate)}: not taken over: ${one.reason}\n  ${one.from}`);
    else if (!session.quiet) {
      session.print(certificateLine(one, { dryRun, now, style }));
      for (const remark of one.remarks) session.print(`  ${remarkLine(withItsPlaces(remark, session), style)}`);
    }
  }
  const count = (...results: readonly Adopted['result'][]) =>
    certificates.filter(({ result }) => results.includes(result)).length;
  if (remaining > 0) {
    session.complain(
      `Stopped: ${count('imported', 'updated')} of ${total} ${total === 1 ? 'certificate' : 'certificates'} imported; run the same command again for the rest.`,
    );
    throw session.signal.reason;
  }
  if (session.quiet) return failed.length === 0 ? 0 : 2;
  const parts = [
    `${count('imported', 'updated')} of ${total} ${total === 1 ? 'certificate' : 'certificates'} ${dryRun ? 'would be taken over' : 'taken over'}`,
    ...(count('unchanged', 'joined') > 0 ? [`${count('unchanged', 'joined')} already here`] : []),
    ...(count('merged') > 0 ? [`${count('merged')} merged with others`] : []),
    ...(count('left') > 0 ? [`${count('left')} left to ${title}`] : []),
    ...(failed.length > 0 ? [`${failed.length} could not be`] : []),
  ];
  session.print(`\n${title} in ${root}: ${parts.join(', ')}. Nothing was ordered.`);
  const goesNowhere = inPlace === false && count('imported', 'updated') > 0;
  if (goesNowhere)
    session.note(
      `Nothing writes new versions into ${root}: servers that read it keep the old ones. To write them there, add --in-place.`,
    );
  const isThere = count('imported', 'updated', 'unchanged', 'joined') > 0;
  if (dryRun) session.note(`Next: the same without --dry-run${goesNowhere ? ', and with --in-place' : ''}.`);
  else if (isThere) session.note(nextText(session, renewedBy));
  const slow = accounts.filter(({ result, keyType }) => result === 'imported' && keyType?.startsWith('rsa'));
  if (!dryRun && slow.length > 0) session.note(rolloverText(session, slow, title));
  for (const { where, advice } of timers)
    session.note(`${title} still renews: ${where} starts it. To stop it: ${advice}`);
  return failed.length === 0 ? 0 : 2;
}

function nextText(session: Session, renewedBy: Scheduled | undefined): string {
  const [status, daemon, timer] = ['status', 'install-timer --daemon', 'install-timer'].map((command) =>
    withPlaces(`certfleet ${command}`, session),
  );
  const shown = `Next: \`${status}\` shows them.`;
  if (renewedBy) return `${shown} ${renewedBy.path} runs \`certfleet ${renewedBy.command}\` already.`;
  return `${shown} Nothing on this machine renews them yet, so they would expire: \`${daemon}\` keeps \`certfleet run\` running, or \`${timer}\` has \`certfleet renew\` run once an hour.`;
}

/** Advises a rollover to ES256: signing with RSA costs 2.7 ms more CPU for each certificate. */
function rolloverText(session: Session, accounts: readonly AdoptedAccount[], title: string): string {
  const commands = accounts.map(
    ({ directory, name }) =>
      `\`${withPlaces(`certfleet account rollover ${shellWord(directory)} --account ${shellWord(name)}`, session)}\``,
  );
  const [what, them] = accounts.length === 1 ? ['The imported account has', 'it'] : ['Imported accounts have', 'them'];
  return `${what} an RSA key, which makes each renewal slower. To give ${them} an ES256 key: ${commands.join(', ')}. After that, ${title} can no longer use ${them}.`;
}

const accountLine = ({ name, directory, result }: AdoptedAccount, dryRun: boolean): string =>
  `account ${name} at ${directory}: ${result === 'unchanged' ? 'already here' : dryRun ? 'would be taken over' : 'taken over'}`;

function certificateLine(
  { certificate, from, result, reason, renamedFrom, notAfter, renewAt }: Adopted,
  { dryRun, now, style }: { readonly dryRun: boolean; readonly now: Date; readonly style: Style },
): string {
  const name = renamedFrom === undefined ? certificate : `${renamedFrom} → ${certificate}`;
  if (result === 'left') return `${style.warn(name)}: left alone: ${reason}`;
  if (result === 'joined') return `${style.good(name)}: ${reason}`;
  if (result === 'unchanged' || result === 'merged')
    return `${name}: ${result === 'merged' ? 'merged' : 'not changed'}: ${reason}`;
  const valid = notAfter === undefined ? '' : `; valid until ${dateText(notAfter, now)}`;
  const renewed = renewAt === undefined ? '' : `, to be renewed on ${dateText(renewAt, now)}`;
  const done = dryRun ? 'would be taken over' : result === 'updated' ? 'newer version taken over' : 'taken over';
  return `${style.good(name)}: ${done} from ${from}${valid}${renewed}`;
}

/** Adds the store to the commands that a remark advises. */
const withItsPlaces = ({ kind, text }: Remark, session: Session): Remark => ({
  kind,
  text: text.replaceAll(/certfleet issue [^\s:`]+/g, (command) => withPlaces(command, session)),
});

const remarkWords = { kept: '', changed: 'changed: ', dropped: 'not taken over: ', missing: 'missing: ' } as const;

const remarkLine = ({ kind, text }: Remark, style: Style): string =>
  `${kind === 'kept' ? '' : style.warn(remarkWords[kind])}${text}`;

/** `certfleet import certbot --undo`. */
async function undo(session: Session, root: string): Promise<number> {
  if (session.invocation.flags['inPlace'] === true)
    throw fail('usage/flags-exclude', {
      one: '--undo',
      other: '--in-place',
      reason: 'the first undoes what the second began',
    });
  const dryRun = session.invocation.flags['dryRun'] === true;
  const fleet = await session.fleet({ makeStore: false });
  const { certificates, restored } = await fleet.undoImport(root, { dryRun }, session.signal);
  const expired = restored?.filter((one) => one.expired !== undefined) ?? [];
  for (const one of certificates) session.printJson({ object: 'certificate', dryRun, ...one });
  session.printJson({
    object: 'undone',
    dryRun,
    restored: restored?.map(({ what }) => what) ?? [],
    ...present({
      expired: expired.length > 0 ? expired.map(({ what, expired: since }) => ({ path: what, since })) : undefined,
    }),
    complete: restored !== undefined && certificates.every(({ result }) => result !== 'failed'),
  });
  for (const one of certificates) tellUndone(session, one, dryRun);
  if (!restored) {
    session.complain(`Nothing was changed: ${root} and the store are as they were.`);
    return 2;
  }
  if (certificates.length + restored.length === 0) {
    session.complain(`Nothing to undo: certfleet delivers no certificate into ${root}.`);
    return 2;
  }
  const now = await session.now();
  const failed = certificates.filter(({ result }) => result === 'failed').map(({ certificate }) => certificate);
  if (certificates.length === 0) await warnOfOtherStore(session, fleet, root);
  if (!session.quiet) for (const { what } of restored) session.print(`${what}: ${dryRun ? 'would be ' : ''}as before`);
  for (const { what, expired: since = '' } of expired)
    session.complain(
      `${what}: the certificate of before expired on ${dateText(since, now)}, and servers that read it ${dryRun ? 'would get' : 'get'} it when they are reloaded. Run \`certbot renew\` at once.`,
    );
  if (failed.length > 0) {
    session.complain(`The files of ${failed.join(', ')} were left as they are; the same command again does the rest.`);
    return 2;
  }
  if (session.quiet) return 0;
  const isLost = restored.length === 0 && certificates.every(({ result }) => result === 'kept');
  if (isLost) session.print(`Nothing in ${root} ${dryRun ? 'would' : 'was to'} be put back.`);
  else if (!dryRun) session.print(`${root} is as it was. certbot renews these certificates again, if its timer runs.`);
  if (dryRun) session.note('Next: the same without --dry-run.');
  return 0;
}

/**
 * Warns if the folder belongs to another store. The folder has what `--undo` needs even if the store is lost (decision
 * 0032), but another store would deliver again.
 */
async function warnOfOtherStore(session: Session, fleet: Fleet, root: string): Promise<void> {
  const all = await fleet.status([], session.signal);
  if (all.some(({ givenBack }) => givenBack?.path === root)) return;
  const { path, type } = (await session.settings()).store;
  session.complain(
    `Warning: the store ${String(path ?? type)} delivers nothing into ${root}. If another store does, its next renewal writes there again: run the same with the --store of that one.`,
  );
}

function tellUndone(session: Session, { certificate, result, reason, hint, left = [] }: Undone, dryRun: boolean): void {
  const [deleted, kept, renewed] = dryRun
    ? ['would be deleted', 'would be kept', 'would no longer be renewed']
    : ['deleted', 'kept', 'is no longer renewed'];
  if (result === 'failed') session.complain(`${certificate}: ${reason}${hint === undefined ? '' : `\n  ${hint}`}`);
  else if (!session.quiet)
    session.print(
      result === 'deleted'
        ? `${certificate}: ${deleted} from the store`
        : `${certificate}: ${kept} in the store, because ${reason}; it ${renewed}. \`${withPlaces(`certfleet delete ${certificate}`, session)}\` deletes it`,
    );
  for (const what of left) session.complain(`${certificate}: ${what}`);
}
