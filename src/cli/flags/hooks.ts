import { basename } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
import { mergeHooks, programsIn, type RunHooks } from '../../core/spec/hooks.ts';
import type { HookKind, Hooks } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Session } from '../context.ts';
import { type Flags, listOf, textOf } from './values.ts';

/** Merges the hooks of flags with the stored ones. `none` removes a hook, and the programs that run before it. */
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

/** Returns the programs in certbot's hook folders, by kind. The last part of a folder's path is the kind. */
const inFolders = (folders: Flags[string]): Pick<Hooks, HookKind> =>
  Object.fromEntries(listOf(folders).map((folder) => [basename(folder), programsIn(folder)]));

/** Returns the programs that no longer run first. */
const withoutFolders = ({ leftHookFolders }: Flags): Pick<RunHooks, 'without'> =>
  leftHookFolders === undefined ? {} : { without: inFolders(leftHookFolders) };

/** Returns the hooks of one run, which replace the certificate's own. Fails with `usage/not-applicable` for `none`. */
export function hooksOfRun(flags: Flags): { readonly hooks?: RunHooks } {
  const flag = ['pre', 'post', 'deploy'].find((kind) => textOf(flags[`${kind}Hook`]) === 'none');
  // `none` would be stored with a certificate issued by flags, and a declared deploy hook would run again in the next
  // run.
  if (flag !== undefined)
    throw fail('usage/not-applicable', {
      typed: `--${flag}-hook none`,
      reason: 'a run can replace a hook, but cannot skip it',
      advice: `\`certfleet issue NAME --${flag}-hook none\` removes it from the certificate.`,
    });
  const without = withoutFolders(flags);
  const { hooks } = hooksFromFlags(flags);
  return hooks || without.without ? { hooks: { ...hooks, ...without } } : {};
}

/**
 * Refuses a hook whose program does not exist before anything is ordered, as certbot does. Accepts hooks that a shell
 * must parse first (`[ -e x ] && y`). Fails with `usage/hook-missing`.
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
