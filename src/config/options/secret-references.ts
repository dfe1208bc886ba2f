import { CertfleetError, fail, reasonOf } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import type { Files, Untrusted } from '../../ports/files.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ResolveContext {
  readonly env: Environment;
  readonly files: Pick<Files, 'read' | 'stat'>;
  /** The prefix of variables, `<envPrefix>_<OPTION>`; by default, `CERTFLEET_<ADAPTER>`. */
  readonly envPrefix?: string;
  /** The configured name (`edge`), for messages; by default, the adapter's ID. */
  readonly name?: string;
  /** Called with each variable that `env:NAME` names, so that no hook gets it. */
  readonly onSecretVariable?: (name: string) => void;
  /** Called before a file is read that an option names. */
  readonly onFile?: ((file: string) => Promise<void>) | undefined;
  /** Called if other users can read a secret file. */
  readonly warn?: (message: string) => void;
}

/** An option whose value may be a reference. */
interface Place extends ResolveContext {
  /** The value is none. */
  readonly isLiteral?: boolean;
  readonly what: string;
  readonly option: string;
  readonly secret: boolean;
}

/** Reads `file:…` or `env:…`, or returns the value itself. A secret's value must be a non-empty text. */
export async function openValue(given: unknown, place: Place): Promise<unknown> {
  if (typeof given !== 'string') {
    if (!place.secret) return given;
    throw fail('config/invalid', {
      file: place.what,
      problem: `${place.option} must be text: put it in quotes, or use file:/path`,
    });
  }
  // A variable may refer to a file: CERTFLEET_RFC2136_SECRET=file:/run/secrets/tsig.
  if (given.startsWith('env:') && !place.isLiteral) {
    const variable = given.slice(4);
    if (place.secret) place.onSecretVariable?.(variable);
    const value = nonEmpty(place.env[variable]);
    if (value === undefined)
      throw fail('config/credential-missing', { what: place.what, credential: `the environment variable ${variable}` });
    return value.startsWith('file:') ? readText(value.slice(5), place) : value;
  }
  // The credentials of the lineage lack this literal secret.
  if (place.secret && given.startsWith('kept:'))
    throw fail('config/credential-missing', { what: place.what, credential: `the stored value of "${place.option}"` });
  if (given.startsWith('file:') && !place.isLiteral) return readText(given.slice(5), place);
  if (place.secret && given.trim() === '')
    throw fail('config/credential-missing', { what: place.what, credential: `a value for "${place.option}"` });
  return given;
}

export async function readText(file: string, place: Place): Promise<string> {
  const { files, warn, what, option, secret } = place;
  try {
    await place.onFile?.(file);
    // Anyone who can write a secret’s file knows the secret anyway. Any other option may name a program to run.
    const trusted = ({ reason }: Untrusted) => fail('config/secret-unreadable', { file, reason });
    const bytes = await files.read(file, { named: true, ...present({ trusted: secret ? undefined : trusted }) });
    if (bytes === undefined) throw fail('config/secret-unreadable', { file, reason: 'no such file' });
    const stat = await files.stat(file);
    if (secret && warn && stat?.kind === 'file' && (stat.mode & 0o007) !== 0)
      warn(`the secret file ${file} of ${what} can be read by every user: chmod 600 ${file}`);
    const value = new TextDecoder().decode(bytes).trim();
    if (value === '')
      throw fail('config/credential-missing', {
        what,
        credential: `a value for "${option}": the file ${file} is empty`,
      });
    return value;
  } catch (cause) {
    if (cause instanceof CertfleetError) throw cause;
    throw fail('config/secret-unreadable', { file, reason: reasonOf(cause) }, { cause });
  }
}

export const nonEmpty = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
