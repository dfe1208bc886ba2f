import { present } from '../text/present.ts';
import { shellWord } from '../text/shell-word.ts';
import { filesInPlace, liveFolder } from './in-place.ts';
import { canonical } from './same-spec.ts';
import type { HookKind, Hooks, StoredSpec } from './spec.ts';

/**
 * The name of the target that represents a deploy hook: a `command`, so that it is journalled, and repeated until it
 * succeeds.
 */
export const deployHookTarget = 'deploy-hook';

/** Returns the spec with its deploy hook as a target. Every stored spec has passed through this. */
export function withDeployHook(stored: StoredSpec): StoredSpec {
  const { name, hooks } = stored;
  const run = wholeHook(hooks, 'deploy');
  const others = stored.targets.filter((target) => target.name !== deployHookTarget);
  if (run === undefined) return others.length === stored.targets.length ? stored : { ...stored, targets: others };
  // The programs in certbot's folder may look for the path that the certificate has there.
  const folderOf = hooks?.first?.deploy === undefined ? filesInPlace : liveFolder;
  const [there] = others.flatMap((target) => folderOf(target, name) ?? []);
  const settings = {
    // certbot has no limit; this one matches a whole delivery.
    ...{ type: 'command', run, timeout: '5m' },
    // As with certbot, the hook finds the files where servers read them.
    ...present({ env: there === undefined ? undefined : { RENEWED_LINEAGE: there } }),
  };
  // Last, because it may act on the other targets' files.
  const hook = { name: deployHookTarget, settings, traits: { ofNode: 'command' } } as const;
  return { ...stored, targets: [...others, hook] };
}

/**
 * Returns a hook as it runs: the programs that run first, then the certificate's own hook. As in certbot, a failure
 * does not stop the others; the exit code is that of the last one that failed.
 */
export function wholeHook(hooks: Hooks | undefined, kind: HookKind): string | undefined {
  const [first, own] = [hooks?.first?.[kind], ownHook(hooks, kind)];
  if (first === undefined) return own;
  // On separate lines, because the hook may end in a comment.
  return `s=0\n${first}\n${own === undefined ? '' : `(\n${own}\n) || s=$?\n`}exit $s`;
}

/**
 * Returns the certificate's own hook, unless it is one of the programs that run first: certbot, too, runs such a
 * program only once.
 */
export function ownHook(hooks: Hooks | undefined, kind: HookKind): string | undefined {
  const [first, own] = [hooks?.first?.[kind], hooks?.[kind]];
  // Matches a program without arguments that the loop of `programsIn` does not skip.
  const [, folder] = /^(.+)\/(?!\.)[\w.+~-]*[\w.+-]$/.exec(own ?? '') ?? [];
  return folder !== undefined && first?.split('\n').includes(programsIn(folder)) === true ? undefined : own;
}

/**
 * Returns a shell loop that runs the programs in a folder in the order of their names. Like certbot, it skips backups.
 */
export const programsIn = (folder: string): string =>
  `for f in ${shellWord(folder)}/*; do case $f in *~) continue;; esac; [ -f "$f" ] && [ -x "$f" ] || continue; "$f" || s=$?; done`;

/** Describes the steps of a hook as it runs: `the programs in FOLDER` for the loop, and `of` for each command. */
function stepsOfHook(hook: string, of: (command: string) => string): readonly string[] {
  const [, first, own] = /^s=0\n(.*?)(?:\n\(\n(.*)\n\) \|\| s=\$\?)?\nexit \$s$/s.exec(hook) ?? [];
  if (first === undefined) return [of(hook)];
  const before = first.split('\n').map((line) => {
    const folder = /^for f in (.+)\/\*; do /.exec(line)?.[1];
    return folder === undefined ? of(line.replace(/ \|\| s=\$\?$/, '')) : `the programs in ${folder}`;
  });
  return [...new Set([...before, ...(own === undefined ? [] : [of(own)])])];
}

/** Describes everything that a hook runs, for display. */
export function hookText(hooks: Hooks | undefined, kind: HookKind): string | undefined {
  const hook = wholeHook(hooks, kind);
  return hook && stepsOfHook(hook, (command) => command).join(', then ');
}

/** Describes a hook for a sentence, without arguments: `stop …`, preceded by what runs first. */
export function briefHook(hook: string): string {
  const steps = stepsOfHook(hook, (command) => `\`${shortCommand(command)}\``);
  return hook.startsWith('s=0\n') ? `(${steps.join(', then ')})` : steps.join('');
}

/** Returns the spec with other hooks. Hooks that are not given stay. */
export const withHooks = (stored: StoredSpec, hooks: RunHooks): StoredSpec =>
  withDeployHook({ ...stored, hooks: mergeHooks(stored.hooks, hooks) });

/** The hooks of a single run. */
export interface RunHooks extends Hooks {
  /** The lines that no longer run first. */
  readonly without?: Hooks['first'];
}

/** Replaces hooks. New lines that run first are added to the earlier ones, unless they are already included. */
export function mergeHooks(kept: Hooks = {}, { first: added = {}, without = {}, ...own }: RunHooks): Hooks {
  const { first: before, ...others } = kept;
  const first: Partial<Record<HookKind, string>> = {};
  for (const [kind, text] of Object.entries(before ?? {}) as [HookKind, string][]) {
    const left = text.split('\n').filter((line) => line !== without[kind]);
    if (left.length > 0) first[kind] = left.join('\n');
  }
  for (const [kind, lines] of Object.entries(added) as [HookKind, string][]) {
    const before = first[kind];
    if (before?.includes(lines) !== true) first[kind] = before === undefined ? lines : `${lines}\n${before}`;
  }
  return { ...others, ...own, ...present({ first: Object.keys(first).length === 0 ? undefined : first }) };
}

/** The hooks around an order. Either of the two may be missing. */
export type AroundOrder = Pick<Hooks, 'pre' | 'post'>;

/**
 * Returns the pairs of hooks around a certificate's orders, in the order in which they run: what runs first, and the
 * certificate's own. They are separate pairs because certificates may share the former but not the latter.
 */
export const aroundOrder = (hooks: Hooks): readonly AroundOrder[] =>
  [
    pairOf((kind) => wholeHook(hooks.first && { first: hooks.first }, kind)),
    pairOf((kind) => ownHook(hooks, kind)),
  ].filter(({ pre, post }) => pre !== undefined || post !== undefined);

function pairOf(hookOf: (kind: HookKind) => string | undefined): AroundOrder {
  const [pre, post] = [hookOf('pre'), hookOf('post')];
  return present({ pre, post });
}

/** Returns how many commands run before an order. */
export const countPreHooks = (hooks: Hooks): number => aroundOrder(hooks).filter(({ pre }) => pre !== undefined).length;

/** Returns a key that identifies a pair of hooks. */
export const hooksKey = ({ pre, post }: AroundOrder): string => canonical([pre ?? null, post ?? null]);

/** Returns a command without its arguments, in which people put passwords. */
export function shortCommand(command: string | readonly string[]): string {
  const words = typeof command === 'string' ? command.trim().split(/\s+/) : command;
  return words.length > 1 ? `${words[0]} …` : (words[0] ?? '');
}
