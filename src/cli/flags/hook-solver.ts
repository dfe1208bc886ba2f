import { fail } from '../../core/errors/errors.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import { refining } from './dns.ts';
import { type Flags, textOf } from './values.ts';

/** The word for --http and --dns that has hooks answer. */
export const hookWord = 'hook';

/** `--http hook` or `--dns hook`: the commands of --auth-hook and --cleanup-hook answer, as certbot’s hooks do. */
export function hookSolver(flags: Flags, challenge: 'http-01' | 'dns-01'): { name: string; settings: AdapterSettings } {
  const [present, cleanup] = [textOf(flags['authHook']), textOf(flags['cleanupHook'])];
  const flag = challenge === 'dns-01' ? '--dns' : '--http';
  if (present === undefined)
    throw fail('usage/invalid', { what: `${flag} ${hookWord} needs --auth-hook, the command that answers` });
  const asked = textOf(flags['challenge']);
  if (challenge === 'dns-01' && asked !== undefined && asked !== challenge)
    throw fail('usage/invalid', {
      what: `--challenge ${asked}: hooks answer dns-01 only; for another challenge, name a DNS provider with --dns`,
    });
  const idle = challenge === 'dns-01' ? refining({ ...flags, challenge: undefined }) : undefined;
  if (idle !== undefined)
    throw fail('usage/invalid', {
      what: `${idle} is for DNS providers; with --dns ${hookWord}, the command of --auth-hook gets its settings itself, and waits itself`,
    });
  return {
    name: hookWord,
    settings: { type: 'command', challenge, present, ...(cleanup === undefined ? {} : { cleanup }) },
  };
}

/** Hooks without `hook` would be ignored. */
export function refuseIdleHooks(flags: Flags): void {
  const given =
    flags['authHook'] !== undefined ? '--auth-hook' : flags['cleanupHook'] !== undefined ? '--cleanup-hook' : '';
  if (given === '' || flags['http'] === hookWord || flags['dns'] === hookWord) return;
  throw fail('usage/invalid', { what: `${given} needs --http ${hookWord} or --dns ${hookWord}` });
}
