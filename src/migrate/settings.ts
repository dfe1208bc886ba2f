import { isAbsolute } from 'node:path';
import { untrustedProgram } from '../clients/hook-programs.ts';
import { knownIssuers } from '../core/ca/known-issuers.ts';
import { isFailure, reasonOf } from '../core/errors/errors.ts';
import type { FoundCertificate, FoundSettings, Remark, Unusable } from '../core/lineage/found.ts';
import { copiesTarget } from '../core/spec/in-place.ts';
import type { Hooks, Settings } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import { whyNoKeyFile } from '../core/trust/key-file.ts';
import { remedyOf } from '../core/trust/untrusted-code.ts';
import type { Files } from '../ports/files.ts';
import type { ImportContext } from './importer.ts';
import { issuerFor } from './issuer.ts';
import { readableFiles } from './trusted-files.ts';

/** Returns the certificate that `read` finds, or the reason why there is none. */
export async function certificateOr(
  name: string,
  from: string,
  context: ImportContext,
  read: () => Promise<Omit<FoundCertificate, 'name' | 'from'>>,
): Promise<FoundCertificate | Unusable> {
  try {
    const found = { name, from, ...(await read()) };
    const problem = await whyNoHook(found.settings, context);
    return problem === undefined ? found : { name, from, reason: problem };
  } catch (error) {
    if (isFailure(error, 'import/unreadable')) throw error;
    return { name, from, reason: whyUnusable(error) };
  }
}

export const whyUnusable = (error: unknown): string =>
  isFailure(error, 'import/untrusted') ? `${error.message}. ${error.hint}` : reasonOf(error);

/** Explains why the certificate's hooks must not run. Returns undefined if they may. */
export async function whyNoHook({ wishes, solvers }: FoundSettings, { files, env }: ImportContext) {
  const { hooks = {} } = wishes;
  const around = [hooks, hooks.first ?? {}].flatMap(({ pre, post, deploy }) => [pre, post, deploy]);
  const answers = Object.values(solvers).flatMap(({ present: make, cleanup }) => [make, cleanup]);
  for (const command of [...around, ...answers]) {
    const found = typeof command === 'string' ? await untrustedProgram(files, command, env['HOME']) : undefined;
    if (found)
      return `its hook ${found.program} would run as this user, but ${found.untrusted.reason}: look at its content, and ${remedyOf(found.untrusted)}`;
  }
  return undefined;
}

export interface Answering extends Pick<FoundSettings, 'solver' | 'solvers' | 'solverOf'> {
  readonly remarks: readonly Remark[];
}

/** The responder on port 80. */
export const standalone = { type: 'http01-responder', shared: false } as const;

/** The answer for clients that do not record how they answer challenges. */
export const unknownSolver = (client: string, name: string): Answering => ({
  solver: 'standalone',
  solvers: { standalone },
  solverOf: {},
  remarks: [
    {
      kind: 'dropped',
      text: `how challenges are answered, which ${client} does not write down: say it with certfleet issue ${name} --http or --dns. Until then, a renewal needs port 80 for itself`,
    },
  ],
});

/** Throws a plain Error if certfleet cannot use the directory. */
export function settingsAt(
  directory: string,
  account: string | undefined,
  {
    answering,
    deployers = {},
    hooks = {},
    wishes = {},
  }: {
    readonly answering: Answering;
    readonly deployers?: FoundSettings['deployers'];
    readonly hooks?: Hooks;
    readonly wishes?: object;
  },
  { settings }: ImportContext,
): FoundSettings {
  const issuer = issuerFor(directory, account, settings);
  if (!issuer) throw new Error(`its CA ${directory} is not an https:// URL`);
  const { solver, solvers, solverOf } = answering;
  return {
    ...{ issuer, solver, solvers, solverOf, deployers, preflight: settings.preflight },
    wishes: { ...wishes, ...present({ hooks: Object.keys(hooks).length === 0 ? undefined : hooks }) },
  };
}

/**
 * Returns the directory at a host, for clients that record only the host: that of a declared issuer or of a known CA.
 */
export function directoryAt(host: string, { issuers }: Settings): string | undefined {
  const known = Object.values(knownIssuers).flatMap(({ directory, testDirectory }) => [directory, testDirectory ?? '']);
  const all = [...Object.values(issuers).map(({ directory }) => directory), ...known];
  return all.find((directory) => URL.canParse(directory) && new URL(directory).host === host);
}

/** Returns the CA of a client that does not record it: the declared issuer if there is only one, else Let’s Encrypt. */
export function usualDirectory({ issuers }: Settings): string {
  const [only, another] = Object.values(issuers);
  return only && !another ? only.directory : knownIssuers['letsencrypt']!.directory;
}

/** Returns the ID of an account, from its URL. */
export const accountName = (url: string | undefined, otherwise: string): string =>
  /\/([A-Za-z0-9_-]{1,60})$/.exec(url ?? '')?.[1] ?? otherwise;

/** The files of a certificate in the other client's folders, which servers read. */
export interface Copies {
  readonly privkey?: string | undefined;
  readonly cert?: string | undefined;
  readonly chain?: string | undefined;
  readonly fullchain?: string | undefined;
}

/**
 * Returns the target that writes new versions into the files that servers already read. If other users could redirect
 * the writes, throws a plain Error with the reason.
 */
export async function writesBack(
  copies: Copies,
  { client, root, context }: { readonly client: string; readonly root: string; readonly context: ImportContext },
): Promise<WritesBack> {
  const files = readableFiles(context.files, client);
  // As in the other clients, the last one wins if two have the same path: key, certificate, chain, both.
  const byPath = new Map<string, keyof Copies>();
  const remarks: Remark[] = [];
  for (const kind of ['privkey', 'cert', 'chain', 'fullchain'] as const) {
    const path = copies[kind];
    if (path === undefined) continue;
    const problem = await whyNoPlace(files, path, kind === 'privkey');
    if (problem !== undefined) throw new Error(`new versions would be written to ${path}, but ${problem}`);
    byPath.set(path, kind);
    const mode = (await files.stat((await files.place(path)).path ?? path))?.mode ?? 0;
    if (kind === 'privkey' && (mode & 0o007) !== 0)
      remarks.push({
        kind: 'changed',
        text: `${path}: every user can use this private key; the next one is closed to others`,
      });
  }
  const paths = [...byPath.keys()];
  remarks.unshift({ kind: 'kept', text: `new versions are written into ${paths.join(', ')}, too` });
  const settings = Object.fromEntries([...byPath].map(([path, kind]) => [kind, path]));
  return { deployers: { [copiesTarget(root)]: { type: 'copies', ...settings } }, remarks };
}

export interface WritesBack extends Pick<FoundSettings, 'deployers'> {
  readonly remarks: readonly Remark[];
}

/** Explains why no file can be written to a path. Returns undefined if one can. */
async function whyNoPlace(files: Files, path: string, isKey: boolean): Promise<string | undefined> {
  if (!isAbsolute(path)) return 'that is not an absolute path, so it depends on where the other client ran';
  const { path: real, untrusted } = await files.place(path);
  if (untrusted)
    return `${untrusted.reason}, and so could lead the private key elsewhere: ${remedyOf(untrusted)}, or have the files installed in another folder`;
  const stat = await files.stat(real);
  if ((stat?.kind ?? 'file') !== 'file') return 'that is not a regular file';
  return stat && isKey ? whyNoKeyFile(real, stat, files.user()) : undefined;
}
