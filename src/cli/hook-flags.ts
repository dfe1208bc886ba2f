import type { Hooks } from '../core/spec.ts';
import { type Flags, textOf } from './flag-values.ts';

/** The hooks that flags give, and those stored before; `none` removes one. */
export function hooksFromFlags(flags: Flags, kept: Hooks = {}): { readonly hooks?: Hooks } {
  const flagOf = { pre: 'preHook', post: 'postHook', deploy: 'deployHook' } as const;
  const hooks = Object.entries(flagOf).flatMap(([kind, flag]) => {
    const command = textOf(flags[flag]) ?? kept[kind as keyof Hooks];
    return command === undefined || command === 'none' ? [] : [[kind, command] as const];
  });
  return hooks.length === 0 ? {} : { hooks: Object.fromEntries(hooks) };
}
