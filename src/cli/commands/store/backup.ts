import { dirname } from 'node:path';
import { type FailOptions, fail, isFailure, reasonOf } from '../../../core/errors/errors.ts';
import { counted } from '../../../core/text/counted.ts';
import { remedyOf } from '../../../core/trust/untrusted-code.ts';
import type { Untrusted } from '../../../ports/files.ts';
import { type BackedUp, backUpStore, isBackup, restoreStore } from '../../../whole-store.ts';
import type { Run, Session } from '../../context.ts';
import { wholePathOf } from '../../flags/values.ts';
import { inOurFolder, refuseInStore } from './outside-store.ts';

/** The longest string that Node.js can hold: about 55,000 certificates. */
const maxBytes = 512 * 1024 ** 2;

/** `certfleet backup FILE|-`. Leaves out damaged documents. Exits with 7 if documents are damaged or missing. */
export const backup: Run = async (session) => {
  const [given = ''] = session.invocation.args;
  const { stdout } = session.context;
  const isPiped = given === '-';
  if (isPiped && (stdout.columns !== undefined || session.json))
    throw fail('usage/not-applicable', {
      typed: 'backup -',
      reason: 'the output is the backup itself',
      advice: 'Send it to a file or a program, without --json.',
    });
  const path = wholePathOf('', given, session.context.env);
  if (!isPiped) await refuseInStore(session, path, 'it would be lost with the store');
  const made = await backUpStore(...(await storeOf(session)));
  if (isPiped) stdout.write(made.text);
  else await write(session, path, made.text);
  tell(session, made, isPiped ? undefined : path);
  return made.damaged.length + made.missing.length === 0 ? 0 : 7;
};

async function write(session: Session, path: string, text: string): Promise<void> {
  const refuse = (reason: string, options?: FailOptions) =>
    fail('usage/place-unwritable', { place: path, reason }, options);
  await inOurFolder(session, dirname(path), { what: 'the backup', place: path }, async (inside) => {
    if (!(await inside.stat(dirname(path)))) throw refuse(`there is no folder ${dirname(path)}`);
    // Writing would replace a device or a link such as /dev/stdout by a file.
    const there = await inside.stat(path);
    if (there?.kind === 'other' || (there?.kind === 'symlink' && /^\/(dev|proc)\//.test(path)))
      throw refuse('it is not a file', { hint: '`certfleet backup -` writes to stdout.' });
    if (there?.kind === 'file' && there.size > 0 && session.invocation.flags['force'] !== true) {
      const first = await inside.read(path, { firstBytes: 64 });
      if (!first || !isBackup(first))
        throw fail('usage/place-taken', { place: path, found: 'a file that is not a backup' });
    }
    // Waits for the disk once, so that a signal that came while the backup was put together is seen before the write.
    await inside.syncFolder(dirname(path));
    session.signal.throwIfAborted();
    await inside.replace(path, text, { mode: 0o600 });
  });
}

function tell(session: Session, made: BackedUp, path?: string): void {
  const { location, documents, certificates, isOpen, damaged, missing } = made;
  const contents = { documents, certificates, encrypted: !isOpen, damaged, missing };
  session.printJson({ object: 'backup', store: location, path, ...contents });
  const where = path === undefined ? '' : ` to ${path}`;
  session.note(
    `Backed up ${location}${where}: ${counted(certificates, 'certificate')}, ${counted(documents, 'document')}.`,
  );
  if (isOpen)
    session.complain(
      'warning: the backup has private keys and credentials in the clear, as the store does: keep it as safe, or encrypt the store first (certfleet store encrypt).',
    );
  for (const key of damaged) session.complain(`left out, because it cannot be read: ${key}`);
  for (const key of missing) session.complain(`missing, though other documents need it: ${key}`);
  if (damaged.length + missing.length > 0)
    session.note('Next: `certfleet store check` says what each is, and what can be done.');
}

/** `certfleet restore FILE`. */
export const restore: Run = async (session) => {
  const [given = ''] = session.invocation.args;
  const path = given === '-' ? '/dev/stdin' : wholePathOf('', given, session.context.env);
  const { files } = await session.world();
  const trusted = (untrusted: Untrusted) =>
    fail('store/backup-untrusted', {
      file: path,
      reason: untrusted.reason,
      advice: `Check ${untrusted.path}, then ${remedyOf(untrusted)}, or restore another backup.`,
    });
  const options = { named: true, maxBytes, trusted, isWayTrusted: true } as const;
  const bytes = await files.read(path, options).catch((error: unknown) => {
    if (isFailure(error)) throw error;
    throw fail('usage/file-unreadable', { typed: path, reason: reasonOf(error) });
  });
  if (!bytes) throw fail('usage/file-unreadable', { typed: path, reason: 'there is no such file' });
  const restored = await restoreStore({ bytes, path }, ...(await storeOf(session)));
  const { location, documents, certificates, isOpen } = restored;
  session.printJson({ object: 'restore', store: location, path, documents, certificates });
  session.print(`Restored ${location}: ${counted(certificates, 'certificate')}, ${counted(documents, 'document')}.`);
  if (isOpen)
    session.complain(
      'warning: the backup has private keys and credentials in the clear, although a key is given; run `certfleet store encrypt` if it is from before the store was encrypted.',
    );
  session.note(
    'Next: `certfleet renew` continues what was in progress, and orders only what is due. If the targets lost their files too, `certfleet renew --redeploy` delivers all again.',
  );
  return 0;
};

async function storeOf(session: Session) {
  const [settings, world] = await Promise.all([session.settings(), session.world()]);
  return [settings, { world, env: session.context.env }, session.signal] as const;
}
