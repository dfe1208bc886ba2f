import { dirname, join } from 'node:path';
import { fail } from '../../../core/errors/errors.ts';
import { Secret } from '../../../core/errors/secret.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import { present } from '../../../core/text/present.ts';
import type { Exported, ExportRequest } from '../../../fleet.ts';
import type { FilesWithin } from '../../../ports/files.ts';
import type { Run, Session } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';
import { askNewPassword, passwordIn } from '../../flags/password.ts';
import { cutAt, listOf, textOf, wholePathOf } from '../../flags/values.ts';
import { reportStart } from '../../output/outcomes.ts';
import { inOurFolder, refuseInStore } from '../store/outside-store.ts';

/** `certfleet export NAME --out PATH`. */
export const exportCertificate: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [name, another] = await certificateNames(session, [...args, ...listOf(flags['name'])]);
  const typed = textOf(flags['out']);
  if (name === undefined || another !== undefined || typed === undefined)
    throw fail('usage/arguments', {
      what: 'one certificate to export, and the destination',
      form: 'certfleet export NAME --out FILE.p12|FILE.pem|FOLDER',
    });
  if (typed === '-')
    throw fail('usage/invalid-value', {
      typed: '--out -',
      form: 'the path of a file or a folder, because a private key is never written to standard output',
    });
  const out = wholePathOf('--out ', typed, session.context.env);
  const format = formatOf(flags, out);
  await refuseInStore(session, out, 'the key would stand in the clear in every copy of the store');
  await refusePlace(session, out, format);
  const pkcs12 = format === 'pkcs12' ? await protection(session) : refuseProtection(flags);
  const fleet = await session.fleet({ makeStore: false });
  await reportStart(session, 'export');
  const paths: string[] = [];
  const request: ExportRequest = {
    ...{ name, to: out, ...present({ pkcs12 }) },
    async write(exported) {
      const files = filesOf(exported, out, format);
      await write(session, files, { out, format });
      paths.push(...files.map(({ path }) => path));
    },
  };
  await fleet.export(request, session.signal);
  const message = `${withLetters(name)}: exported to ${out}, with its private key`;
  const time = (await session.now()).toISOString();
  const data = { exitCode: 0, files: paths };
  session.reporter.report({ v: 1, time, level: 'info', event: 'run.finished', certificate: name, message, data });
  if (!session.quiet) session.print(message);
  return 0;
};

type Flags = Session['invocation']['flags'];
type Format = 'pkcs12' | 'pem' | 'folder';

/** Returns the format of --format, or the one that the file name implies. */
function formatOf(flags: Flags, out: string): Format {
  const typed = textOf(flags['format']);
  const byName = /\.(p12|pfx)$/i.test(out) ? 'pkcs12' : /\.(pem|crt|key)$/i.test(out) ? 'pem' : 'folder';
  if (typed === undefined) return byName;
  if (typed === 'pem') return byName === 'pkcs12' ? 'pem' : byName;
  if (typed === 'pkcs12') return 'pkcs12';
  throw fail('usage/unknown-value', {
    typed: `--format ${typed}`,
    known: 'pem or pkcs12',
    nearest: didYouMean(typed, ['pem', 'pkcs12']),
  });
}

const isForced = (session: Session): boolean => session.invocation.flags['force'] === true;
const refused = (out: string, why: string) => fail('usage/place-unwritable', { place: `--out ${out}`, reason: why });
const taken = (out: string) => fail('usage/place-taken', { place: `--out ${out}`, found: 'a file or folder' });
const inPlace = <T>(session: Session, folder: string, out: string, work: (inside: FilesWithin) => Promise<T>) =>
  inOurFolder(session, folder, { what: 'the key', place: `--out ${out}` }, work);

/** Refuses early to overwrite a file, or to write into a folder where other users could read the key. */
async function refusePlace(session: Session, out: string, format: Format): Promise<void> {
  const folder = dirname(out);
  await inPlace(session, folder, out, async (inside) => {
    if (format !== 'folder' && (await inside.stat(folder)) === undefined)
      throw refused(out, `there is no folder ${folder}`);
    const found = await inside.stat(out);
    const isOfItsKind =
      format === 'folder' ? found?.kind === 'folder' : found?.kind === 'file' || found?.kind === 'symlink';
    if (found && !isOfItsKind) throw refused(out, 'it is something else');
    const isTaken = format === 'folder' ? ((await inside.list(out)) ?? []).length > 0 : found !== undefined;
    if (isTaken && !isForced(session)) throw taken(out);
  });
}

/** Returns the password of --password, or asks for one. */
async function protection(session: Session): Promise<NonNullable<ExportRequest['pkcs12']>> {
  const { flags } = session.invocation;
  const password = await passwordFrom(session);
  // Java accepts only these characters.
  if (!/^[\x20-\x7e]+$/.test(password.reveal()))
    throw fail('usage/password-unusable', { reason: 'it is empty or contains a character outside ASCII' });
  return { password, isLegacy: flags['legacy'] === true };
}

function refuseProtection(flags: Flags): undefined {
  const given = ['password', 'legacy'].find((flag) => flags[flag] !== undefined);
  if (given) throw fail('usage/flag-needs', { flag: `--${given}`, needed: '--format pkcs12' });
  return undefined;
}

async function passwordFrom(session: Session): Promise<Secret> {
  const typed = textOf(session.invocation.flags['password']);
  if (typed === undefined) return askPassword(session);
  const [kind, rest = ''] = cutAt(typed, ':');
  if (kind === 'env') {
    const value = session.context.env[rest];
    if (value === undefined) throw fail('usage/password-unusable', { reason: `the variable ${rest} is not set` });
    return new Secret(value);
  }
  if (kind !== 'file')
    throw fail('usage/secret-visible', { flag: '--password', form: '--password file:/path or env:NAME' });
  return passwordIn(session, '--password file:', rest);
}

const askPassword = (session: Session): Promise<Secret> =>
  askNewPassword(session, {
    question: 'Password for the PKCS#12 file: ',
    what: 'entering the password of a PKCS#12 file',
    advice: 'Add --password file:/path or env:NAME.',
  });

interface FileToWrite {
  readonly path: string;
  readonly content: Secret | string | Uint8Array;
}

function filesOf({ bundle, pkcs12 }: Exported, out: string, format: Format): readonly FileToWrite[] {
  if (pkcs12) return [{ path: out, content: pkcs12 }];
  const { keyPem, certPem, chainPem, fullchainPem } = bundle;
  if (format === 'pem') return [{ path: out, content: new Secret(keyPem.reveal() + fullchainPem) }];
  const parts = { 'cert.pem': certPem, 'chain.pem': chainPem, 'fullchain.pem': fullchainPem, 'privkey.pem': keyPem };
  return Object.entries(parts).map(([name, content]) => ({ path: join(out, name), content }));
}

async function write(
  session: Session,
  all: readonly FileToWrite[],
  { out, format }: { readonly out: string; readonly format: Format },
): Promise<void> {
  const write = async (inside: FilesWithin, { path, content }: FileToWrite): Promise<void> => {
    const bytes = content instanceof Secret ? content.reveal() : content;
    if (isForced(session)) await inside.replace(path, bytes, { mode: 0o600 });
    else if (!(await inside.create(path, bytes, { mode: 0o600 }))) throw taken(out);
  };
  await inPlace(session, format === 'folder' ? out : dirname(out), out, async (inside) => {
    if (format === 'folder') await inside.makeFolders(out, 0o700);
    for (const one of all) await write(inside, one);
  });
}
