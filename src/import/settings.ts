import { isFailure, reasonOf } from '../core/errors.ts';
import type { FoundCertificate, FoundSettings, Remark, Unusable } from '../core/found.ts';
import { knownIssuers } from '../core/known-issuers.ts';
import { shellWord } from '../core/shell-word.ts';
import type { Hooks, Settings } from '../core/spec.ts';
import type { ImportContext } from './importer.ts';
import { issuerFor } from './issuer.ts';

/** The certificate that `read` finds, or why there is none. */
export async function certificateOr(
  name: string,
  from: string,
  read: () => Promise<Omit<FoundCertificate, 'name' | 'from'>>,
): Promise<FoundCertificate | Unusable> {
  try {
    return { name, from, ...(await read()) };
  } catch (error) {
    if (isFailure(error, 'import/unreadable')) throw error;
    return { name, from, reason: reasonOf(error) };
  }
}

export interface Answering extends Pick<FoundSettings, 'solver' | 'solvers' | 'solverOf'> {
  readonly remarks: readonly Remark[];
}

/** The responder on port 80. */
export const standalone = { type: 'http01-responder', shared: false } as const;

/** For clients that do not write down how they answer challenges. */
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

/** Throws a plain Error if the directory is none that certfleet can use. */
export function settingsAt(
  directory: string,
  account: string | undefined,
  { answering, hooks, wishes = {} }: { readonly answering: Answering; readonly hooks: Hooks; readonly wishes?: object },
  { settings }: ImportContext,
): FoundSettings {
  const issuer = issuerFor(directory, account, settings);
  if (!issuer) throw new Error(`its CA ${directory} is not an https:// URL`);
  const { solver, solvers, solverOf } = answering;
  return {
    ...{ issuer, solver, solvers, solverOf, deployers: {}, preflight: settings.preflight },
    wishes: { ...wishes, ...(Object.keys(hooks).length === 0 ? {} : { hooks }) },
  };
}

/** The directory at a host, for clients that write down no more: a declared issuer's, or that of a known CA. */
export function directoryAt(host: string, { issuers }: Settings): string | undefined {
  const known = Object.values(knownIssuers).flatMap(({ directory, testDirectory }) => [directory, testDirectory ?? '']);
  const all = [...Object.values(issuers).map(({ directory }) => directory), ...known];
  return all.find((directory) => URL.canParse(directory) && new URL(directory).host === host);
}

/** The CA of a client that does not write it down: the declared issuer if there is only one, else Let’s Encrypt. */
export function usualDirectory({ issuers }: Settings): string {
  const [only, another] = Object.values(issuers);
  return only && !another ? only.directory : knownIssuers['letsencrypt']!.directory;
}

/** The id of an account, by its URL. */
export const accountName = (url: string | undefined, otherwise: string): string =>
  /\/([A-Za-z0-9_-]{1,60})$/.exec(url ?? '')?.[1] ?? otherwise;

/** The file of a version, and where the other client has it. */
type Copy = readonly [file: 'privkey.pem' | 'cert.pem' | 'chain.pem' | 'fullchain.pem', path: string | undefined];

/**
 * The lines before a deploy hook that write a new version into the files that servers read already. They keep owner and
 * mode.
 */
export const writesBack = (copies: readonly Copy[]): string =>
  copies
    .flatMap(([file, path]) =>
      path === undefined ? [] : [`cat "$RENEWED_LINEAGE/${file}" > ${shellWord(path)} || s=$?`],
    )
    .join('\n');

export const writesBackRemark = (copies: readonly Copy[]): Remark => ({
  kind: 'kept',
  text: `new versions are written into ${copies.flatMap(([, path]) => path ?? []).join(', ')}, too`,
});
