import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { commandWords } from '../../core/text/command-words.ts';
import { isFields, parseJson } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { untrustedCode } from '../../core/trust/untrusted-code.ts';
import { hookEnvironment } from '../../lib/processes/hook-environment.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Processes } from '../../ports/processes.ts';
import { refuseUntrustedPrograms } from '../hook-programs.ts';
import type { TemporaryKeys } from '../http/access-keys.ts';
import { type Asking, askSource } from '../http/identity-source.ts';
import { NoMetadata } from '../http/metadata-server.ts';

export interface CredentialProcess {
  readonly command: string;
  /** The file that names the program, if not the configuration. */
  readonly file: string | undefined;
}

interface ProcessContext {
  readonly files: Pick<Files, 'untrusted' | 'list' | 'stat' | 'user'>;
  readonly processes: Pick<Processes, 'run'>;
  readonly clock: Clock;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
}

/** The program may ask a person in other settings, but here no person is waiting. */
const timeoutMs = 60_000;
/**
 * Keys without an expiry are a user's own. They are still read again after this time, because the program may have new
 * ones.
 */
const endlessMs = 3_600_000;

/**
 * Returns the keys that a program prints (`credential_process`, version 1). No shell runs the program. As with hooks,
 * no other user may be able to change the program or the file that names it. Its output is never shown, because any
 * part may be a secret.
 */
export async function keysOfProcess(
  { command, file }: CredentialProcess,
  { files, processes, clock, name }: ProcessContext,
  signal: AbortSignal,
): Promise<TemporaryKeys> {
  const [program, ...words] = commandWords(command) ?? [];
  if (program === undefined) {
    const problem =
      '`credentialProcess` must be a program and its arguments: no shell runs it, so variables, pipes and the like have no meaning, and each quote needs its end';
    throw fail('config/invalid', { file: file ?? name, problem });
  }
  const untrusted = file === undefined ? undefined : await files.untrusted(file);
  if (file !== undefined && untrusted) throw untrustedCode(file, untrusted);
  const env = hookEnvironment([]);
  await refuseUntrustedPrograms(files, [program, ...words], env['HOME']);
  const asking: Asking = {
    what: name,
    fact: 'an access key',
    source: `the program ${program} (\`credentialProcess\`)`,
    advice: `Run \`${program}\` with its arguments by hand; it must print one JSON object with Version 1 and the keys.`,
  };
  return askSource(asking, async () => {
    const run = processes.run({ command: [program, ...words], env, cwd: '/', timeoutMs, signal });
    const { status, stdout } = await run.catch((error: unknown) => {
      // The port's message contains all arguments.
      if (isFailure(error, 'process/failed')) throw new NoMetadata(`it cannot be run: ${reasonOf(error.cause)}`);
      if (isFailure(error, 'process/timeout')) throw new NoMetadata(`it did not end within ${timeoutMs / 1_000} s`);
      throw error;
    });
    if (status !== 0) throw new NoMetadata(`it ended with ${status}`);
    return readKeys(stdout, clock.now());
  });
}

function readKeys(text: string, now: Date): TemporaryKeys {
  let fields: unknown;
  try {
    fields = parseJson(text);
  } catch {
    // The parser's message repeats a part of the output.
  }
  if (!isFields(fields)) throw new NoMetadata('what it prints is not one JSON object of at most 64 KiB');
  if (fields['Version'] !== 1) throw new NoMetadata('Version is not 1 in what it prints');
  const read = (name: string): Secret => {
    const value = fields[name];
    if (typeof value === 'string' && value !== '') return new Secret(value);
    throw new NoMetadata(`${name} is missing in what it prints`);
  };
  const { SessionToken: token, Expiration: end } = fields;
  const expires = end === undefined ? new Date(now.getTime() + endlessMs) : new Date(String(end));
  if (Number.isNaN(expires.getTime())) throw new NoMetadata('Expiration is no date in what it prints');
  if (expires <= now) throw new NoMetadata('the keys that it prints have expired');
  return {
    id: read('AccessKeyId'),
    secret: read('SecretAccessKey'),
    ...present({ token: token === undefined ? undefined : read('SessionToken') }),
    expires,
  };
}
