import { fail } from '../../core/errors/errors.ts';
import { refining } from './keys.ts';
import { type Flags, textOf } from './values.ts';
import { type Choosing, writeRefined } from './written-solver.ts';

/** The value of --http and --dns that lets hooks answer challenges. */
export const hookWord = 'hook';

/**
 * Handles `--http hook` and `--dns hook`: the commands of --auth-hook and --cleanup-hook answer challenges, as
 * certbot’s hooks do.
 */
export function writeHooks(choosing: Choosing, challenge: 'http-01' | 'dns-01'): Promise<string> {
  const { flags } = choosing.session.invocation;
  const [answering, cleanup] = [textOf(flags['authHook']), textOf(flags['cleanupHook'])];
  const flag = `${challenge === 'dns-01' ? '--dns' : '--http'} ${hookWord}`;
  if (answering === undefined)
    throw fail('usage/flag-needs', { flag, needed: '--auth-hook, the command that answers challenges' });
  const asked = textOf(flags['challenge']);
  const idle = challenge === 'dns-01' ? refining({ ...flags, challenge: undefined }) : undefined;
  const isOther = challenge === 'dns-01' && asked !== undefined && asked !== challenge;
  if (isOther || idle !== undefined)
    throw fail('usage/not-applicable', {
      typed: isOther ? `--challenge ${asked}` : idle!,
      reason: isOther
        ? 'hooks answer dns-01 only'
        : 'with --dns hook, the --auth-hook command handles its own settings and waiting',
      advice: 'It is for DNS providers: name one with --dns, or leave it out.',
    });
  const typed = { challenge, present: answering, cleanup };
  return writeRefined({ name: hookWord, settings: { type: 'command' } }, typed, choosing, '--auth-hook');
}

/** Refuses --auth-hook and --cleanup-hook without `hook`, which would be ignored. */
export function refuseIdleHooks(flags: Flags): void {
  const flag = flags['authHook'] !== undefined ? '--auth-hook' : '--cleanup-hook';
  if ((flags['authHook'] ?? flags['cleanupHook']) === undefined) return;
  if (flags['http'] === hookWord || flags['dns'] === hookWord) return;
  throw fail('usage/flag-needs', { flag, needed: `--http ${hookWord} or --dns ${hookWord}` });
}
