import { present } from '../text/present.ts';
import { shellWord } from '../text/shell-word.ts';
import { filesInPlace, liveFolder } from './in-place.ts';
import { canonical } from './same-spec.ts';
import type { HookKind, Hooks, StoredSpec } from './spec.ts';

/** The target that a deploy hook is: a `command`, so that it is journalled, and repeated until it succeeds. */
export const deployHookTarget = 'deploy-hook';

/** The spec with the target that its deploy hook is. Every spec that is stored has passed through this. */
export function withDeployHook(stored: StoredSpec): StoredSpec {
  const { name, hooks } = stored;
  const run = wholeHook(hooks, 'deploy');
  const others = stored.targets.filter((target) => target.name !== deployHookTarget);
  if (run === undefined) return others.length === stored.targets.length ? stored : { ...stored, targets: others };
  // The programs of certbot's folder may look for the path that it has there.
  const folderOf = hooks?.first?.deploy === undefined ? filesInPlace : liveFolder;
  const [there] = others.flatMap(({ settings }) => folderOf(settings, name) ?? []);
  const settings = {
    // certbot has no limit; this is that of a whole delivery.
    ...{ type: 'command', run, timeout: '5m' },
    // As with certbot, the hook finds the files where servers read them.
    ...present({ env: there === undefined ? undefined : { RENEWED_LINEAGE: there } }),
  };
  // Last, because it may act on what the other targets have.
  return { ...stored, targets: [...others, { name: deployHookTarget, settings }] };
}

/**
 * A hook as it runs: what runs first, and then the certificate's own. As in certbot, one that fails does not keep the
 * others from running; the exit code is that of the last one that failed.
 */
export function wholeHook(hooks: Hooks | undefined, kind: HookKind): string | undefined {
  const [first, own] = [hooks?.first?.[kind], ownHook(hooks, kind)];
  if (first === undefined) return own;
  // In lines of its own, because the hook may end in a comment.
  return `s=0\n${first}\n${own === undefined ? '' : `(\n${own}\n) || s=$?\n`}exit $s`;
}

/** The certificate's own hook, unless it is one of the programs that run first: certbot, too, runs that one once. */
export function ownHook(hooks: Hooks | undefined, kind: HookKind): string | undefined {
  const [first, own] = [hooks?.first?.[kind], hooks?.[kind]];
  // A program without arguments that the loop of `programsIn` does not leave out.
  const [, folder] = /^(.+)\/(?!\.)[\w.+~-]*[\w.+-]$/.exec(own ?? '') ?? [];
  return folder !== undefined && first?.split('\n').includes(programsIn(folder)) === true ? undefined : own;
}

/** The programs in a folder, one after the other in the order of their names; certbot leaves out backups. */
export const programsIn = (folder: string): string =>
  `for f in ${shellWord(folder)}/*; do case $f in *~) continue;; esac; [ -f "$f" ] && [ -x "$f" ] || continue; "$f" || s=$?; done`;

/**
 * What a hook as it runs does, one thing after the other, in words: `the programs in FOLDER` in place of the loop. The
 * rest is shown by `of`.
 */
function stepsOfHook(hook: string, of: (command: string) => string): readonly string[] {
  const [, first, own] = /^s=0\n(.*?)(?:\n\(\n(.*)\n\) \|\| s=\$\?)?\nexit \$s$/s.exec(hook) ?? [];
  if (first === undefined) return [of(hook)];
  const before = first.split('\n').map((line) => {
    const folder = /^for f in (.+)\/\*; do /.exec(line)?.[1];
    return folder === undefined ? of(line.replace(/ \|\| s=\$\?$/, '')) : `the programs in ${folder}`;
  });
  return [...new Set([...before, ...(own === undefined ? [] : [of(own)])])];
}

/** All that a hook does, for people. */
export function hookText(hooks: Hooks | undefined, kind: HookKind): string | undefined {
  const hook = wholeHook(hooks, kind);
  return hook && stepsOfHook(hook, (command) => command).join(', then ');
}

/** A hook in a sentence, without arguments: `stop …`, or what runs first and it. */
export function briefHook(hook: string): string {
  const steps = stepsOfHook(hook, (command) => `\`${shortCommand(command)}\``);
  return hook.startsWith('s=0\n') ? `(${steps.join(', then ')})` : steps.join('');
}

/** The spec with other hooks; those that are not given stay. */
export const withHooks = (stored: StoredSpec, hooks: RunHooks): StoredSpec =>
  withDeployHook({ ...stored, hooks: mergeHooks(stored.hooks, hooks) });

/** The hooks of one run. */
export interface RunHooks extends Hooks {
  /** The lines that no longer run first. */
  readonly without?: Hooks['first'];
}

/** Hooks that replace others. What runs first is added to what ran first before, unless it is part of that. */
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

/** What runs around an order: a pair of hooks, of which one may be missing. */
export type AroundOrder = Pick<Hooks, 'pre' | 'post'>;

/**
 * The pairs around the orders of a certificate, in the order in which they run: what runs first, and its own. They are
 * two, because certificates may share the former and not the latter.
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

/** How many commands run before an order. */
export const countPreHooks = (hooks: Hooks): number => aroundOrder(hooks).filter(({ pre }) => pre !== undefined).length;

/** Identifies a pair of hooks. */
export const hooksKey = ({ pre, post }: AroundOrder): string => canonical([pre ?? null, post ?? null]);

/** A command without its arguments, where people put passwords. */
export function shortCommand(command: string | readonly string[]): string {
  const words = typeof command === 'string' ? command.trim().split(/\s+/) : command;
  return words.length > 1 ? `${words[0]} …` : (words[0] ?? '');
}
