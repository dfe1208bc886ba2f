import { join } from 'node:path';
import type { Remark } from '../../core/lineage/found.ts';
import { ownHook, programsIn } from '../../core/spec/hooks.ts';
import type { HookKind, Hooks } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Files, Untrusted } from '../../ports/files.ts';
import { untrusted } from '../trusted-files.ts';
import { type Section, textIn } from './config-obj.ts';

const kinds = ['pre', 'deploy', 'post'] as const satisfies readonly HookKind[];

/** In the renewal file, a deploy hook has its old name. */
const keyOf = { pre: 'pre_hook', deploy: 'renew_hook', post: 'post_hook' } as const satisfies Record<HookKind, string>;

/** Returns the folders where certbot looks for programs. */
export const allHookFolders = (root: string): readonly string[] =>
  kinds.map((kind) => join(root, 'renewal-hooks', kind));

/**
 * Returns the folders of `renewal-hooks` that contain programs, which certbot runs for every certificate. Fails with
 * the result of `refuse` if other users can change one.
 */
export async function hookFolders(
  files: Files,
  root: string,
  refuse = (culprit: Untrusted): Error => untrusted(root, culprit),
): Promise<Readonly<Partial<Record<HookKind, string>>>> {
  const folders: Partial<Record<HookKind, string>> = {};
  for (const kind of kinds) {
    const folder = join(root, 'renewal-hooks', kind);
    for (const name of (await files.list(folder)) ?? []) {
      const stat = name.endsWith('~') ? undefined : await files.stat(join(folder, name));
      if (!stat || (stat.kind !== 'symlink' && (stat.mode & 0o111) === 0)) continue;
      const culprit = await files.untrusted(join(folder, name));
      if (culprit) throw refuse(culprit);
      folders[kind] = folder;
    }
  }
  return folders;
}

/** Returns the hooks of a certificate, preceded by the programs in the folders, sorted by name. */
export function hooksOf(
  params: Section,
  folders: Readonly<Partial<Record<HookKind, string>>>,
): { readonly hooks: Hooks; readonly remarks: readonly Remark[] } {
  const own: Partial<Record<HookKind, string>> = {};
  const first: Partial<Record<HookKind, string>> = {};
  const remarks: Remark[] = [];
  for (const kind of kinds) {
    const command = textIn(params, keyOf[kind]);
    const folder = textIn(params, 'directory_hooks')?.toLowerCase() === 'false' ? undefined : folders[kind];
    if (command !== undefined) own[kind] = command;
    if (folder !== undefined) first[kind] = programsIn(folder);
    const after = ownHook({ ...own, first }, kind);
    const what = [folder && `the programs in ${folder}`, after && `\`${after}\``].filter(Boolean).join(', then ');
    if (what === '') continue;
    remarks.push({ kind: 'kept', text: `${kind} hook: ${what}` });
  }
  return { hooks: { ...own, ...present({ first: Object.keys(first).length === 0 ? undefined : first }) }, remarks };
}
