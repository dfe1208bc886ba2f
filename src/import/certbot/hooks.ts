import { join } from 'node:path';
import type { Remark } from '../../core/found.ts';
import { shellWord } from '../../core/shell-word.ts';
import type { Files } from '../../ports/files.ts';
import { untrusted } from '../trusted-files.ts';
import { type Section, textIn } from './config-obj.ts';

const kinds = ['pre', 'deploy', 'post'] as const;
type Kind = (typeof kinds)[number];

/** In the renewal file, a deploy hook has its old name. */
const keyOf = { pre: 'pre_hook', deploy: 'renew_hook', post: 'post_hook' } as const satisfies Record<Kind, string>;

/** The folders of `renewal-hooks` that contain programs; certbot runs those of every certificate. Fails with `import/untrusted`. */
export async function hookFolders(files: Files, root: string): Promise<Readonly<Partial<Record<Kind, string>>>> {
  const folders: Partial<Record<Kind, string>> = {};
  for (const kind of kinds) {
    const folder = join(root, 'renewal-hooks', kind);
    for (const name of (await files.list(folder)) ?? []) {
      const stat = name.endsWith('~') ? undefined : await files.stat(join(folder, name));
      if (!stat || (stat.kind !== 'symlink' && (stat.mode & 0o111) === 0)) continue;
      const foreign = await files.foreign(join(folder, name));
      if (foreign) throw untrusted(root, foreign);
      folders[kind] = folder;
    }
  }
  return folders;
}

/**
 * The hooks of a certificate as shell commands: first the programs in the folder, in the order of their names, then the
 * certificate's own. As in certbot, one that fails does not keep the others from running; the exit code is that of the
 * last one that failed.
 */
export function hooksOf(
  params: Section,
  folders: Readonly<Partial<Record<Kind, string>>>,
): { readonly hooks: Readonly<Partial<Record<Kind, string>>>; readonly remarks: readonly Remark[] } {
  const hooks: Partial<Record<Kind, string>> = {};
  const remarks: Remark[] = [];
  for (const kind of kinds) {
    const own = textIn(params, keyOf[kind]);
    const folder = textIn(params, 'directory_hooks')?.toLowerCase() === 'false' ? undefined : folders[kind];
    if (own === undefined && folder === undefined) continue;
    hooks[kind] = folder === undefined ? own! : withFolder(folder, own);
    const what = [folder && `the programs in ${folder}`, own && `\`${own}\``].filter(Boolean).join(', then ');
    remarks.push({ kind: 'kept', text: `${kind} hook: ${what}` });
  }
  return { hooks, remarks };
}

function withFolder(folder: string, own: string | undefined): string {
  const each = 'case $f in *~) continue;; esac; [ -f "$f" ] && [ -x "$f" ] || continue; "$f" || s=$?';
  const all = `s=0; for f in ${shellWord(folder)}/*; do ${each}; done`;
  // In lines of its own, because the hook may end in a comment.
  return own === undefined ? `${all}; exit $s` : `${all}\n(\n${own}\n) || s=$?\nexit $s`;
}
