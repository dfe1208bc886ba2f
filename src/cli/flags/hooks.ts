import { basename } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
import { mergeHooks, programsIn, type RunHooks } from '../../core/spec/hooks.ts';
import type { HookKind, Hooks } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Session } from '../context.ts';
import { type Flags, listOf, textOf } from './values.ts';

/** The hooks that flags give, and those stored before; `none` removes one, with what runs before it. */
export function hooksFromFlags(flags: Flags, before: Hooks = {}): { readonly hooks?: Hooks } {
  const kept = mergeHooks(before, { first: inFolders(flags['hookFolders']), ...withoutFolders(flags) });
  const flagOf: Readonly<Record<HookKind, string>> = { pre: 'preHook', post: 'postHook', deploy: 'deployHook' };
  const hooks = Object.entries(flagOf).flatMap(([kind, flag]) => {
    const command = textOf(flags[flag]) ?? kept[kind as HookKind];
    return command === undefined || command === 'none' ? [] : [[kind, command] as const];
  });
  const first = Object.entries(kept.first ?? {}).filter(([kind]) => textOf(flags[flagOf[kind as HookKind]]) !== 'none');
  if (hooks.length + first.length === 0) return {};
  return {
    hooks: {
      ...Object.fromEntries(hooks),
      ...present({ first: first.length === 0 ? undefined : Object.fromEntries(first) }),
    },
  };
}

/** Of the folders of certbot whose programs run, which the last part of their paths says. */
const inFolders = (folders: Flags[string]): Pick<Hooks, HookKind> =>
  Object.fromEntries(listOf(folders).map((folder) => [basename(folder), programsIn(folder)]));

/** The programs that no longer run first. */
const withoutFolders = ({ leftHookFolders }: Flags): Pick<RunHooks, 'without'> =>
  leftHookFolders === undefined ? {} : { without: inFolders(leftHookFolders) };

/** The hooks of one run, in place of the certificate's own. Fails with `usage/not-applicable` for `none`. */
export function hooksOfRun(flags: Flags): { readonly hooks?: RunHooks } {
  const flag = ['pre', 'post', 'deploy'].find((kind) => textOf(flags[`${kind}Hook`]) === 'none');
  // It would be stored with a certificate made of flags, and a declared deploy hook would run in the next run.
  if (flag !== undefined)
    throw fail('usage/not-applicable', {
      typed: `--${flag}-hook none`,
      reason: 'a run can replace a hook, but not leave it out',
      advice: `\`certfleet issue NAME --${flag}-hook none\` removes it from the certificate.`,
    });
  const without = withoutFolders(flags);
  const { hooks } = hooksFromFlags(flags);
  return hooks || without.without ? { hooks: { ...hooks, ...without } } : {};
}

/**
 * As certbot does, refuses a hook whose program is not there, before anything is ordered. What a shell must read first
 * (`[ -e x ] && y`) is not judged. Fails with `usage/hook-missing`.
 */
export async function refuseMissingHooks(flags: Flags, session: Session): Promise<void> {
  const PATH = session.context.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  for (const flag of ['pre', 'post', 'deploy', 'auth', 'cleanup']) {
    const [, program] = /^\s*([\w./][\w./+-]*)(?=\s|$)/.exec(textOf(flags[`${flag}Hook`]) ?? '') ?? [];
    if (program === undefined || program === 'none') continue;
    const { processes } = await session.world();
    const { status } = await processes.run({
      command: ['/bin/sh', '-c', 'command -v "$1"', 'sh', program],
      env: { PATH },
      signal: session.signal,
    });
    if (status === 0) continue;
    const reason = program.includes('/') ? 'there is no such program, or it is not executable' : `not found in ${PATH}`;
    throw fail('usage/hook-missing', { typed: `--${flag}-hook ${program}`, reason });
  }
}
