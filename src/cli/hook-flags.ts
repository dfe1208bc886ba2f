import type { HookKind, Hooks } from '../core/spec.ts';
import { type Flags, textOf } from './flag-values.ts';

/** The hooks that flags give, and those stored before; `none` removes one, with what runs before it. */
export function hooksFromFlags(flags: Flags, kept: Hooks = {}): { readonly hooks?: Hooks } {
  const flagOf: Readonly<Record<HookKind, string>> = { pre: 'preHook', post: 'postHook', deploy: 'deployHook' };
  const hooks = Object.entries(flagOf).flatMap(([kind, flag]) => {
    const command = textOf(flags[flag]) ?? kept[kind as HookKind];
    return command === undefined || command === 'none' ? [] : [[kind, command] as const];
  });
  const first = Object.entries(kept.first ?? {}).filter(([kind]) => textOf(flags[flagOf[kind as HookKind]]) !== 'none');
  if (hooks.length + first.length === 0) return {};
  return {
    hooks: { ...Object.fromEntries(hooks), ...(first.length === 0 ? {} : { first: Object.fromEntries(first) }) },
  };
}
