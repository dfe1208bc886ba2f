import type { FileStat, Files } from '../../ports/files.ts';
import { dropInFiles } from './drop-ins.ts';

/** The limit of Linux. */
const mostLinks = 40;

/**
 * Returns what changes when a file is written or replaced, or a link that leads to it is: a mounted ConfigMap changes
 * one link for all its files. Empty if there is nothing that this user may see.
 */
export async function stampOf(files: Pick<Files, 'stat' | 'readLink'>, path: string): Promise<string> {
  try {
    let at = path;
    for (let links = 0; links < mostLinks; links++) {
      const stat = await files.stat(at);
      if (stat?.kind !== 'symlink') return textOf(stat);
      const target = (await files.readLink(at)) ?? '';
      // Not normalized: beyond a link, the system means another folder by `..`.
      at = target.startsWith('/') ? target : `${at.slice(0, at.lastIndexOf('/') + 1)}${target}`;
    }
  } catch {
    // Whoever needs the file reports that it cannot be read.
  }
  return '';
}

const textOf = (stat: FileStat | undefined): string =>
  stat ? `${stat.kind} ${stat.size} ${stat.modifiedMs} ${stat.changedMs} ${stat.mode} ${stat.uid}` : '';

/** Returns the files of a configuration that have anything but white space in them. */
export async function filledFiles(files: Pick<Files, 'read' | 'list'>, file: string): Promise<ReadonlySet<string>> {
  const filled = new Set<string>();
  for (const path of [file, ...(await dropInFiles(files, file).catch(() => []))]) {
    // The next read of the configuration reports that it cannot be read.
    const bytes = await files.read(path, { named: true, firstBytes: 4_096 }).catch(() => undefined);
    if (bytes && new TextDecoder().decode(bytes).trim() !== '') filled.add(path);
  }
  return filled;
}

/** Returns the stamp of a configuration: of its file, and of the files in the folder beside it. Empty without any. */
export async function configurationStamp(
  files: Pick<Files, 'stat' | 'readLink' | 'list'>,
  file: string,
): Promise<string> {
  const more = await dropInFiles(files, file).catch(() => []);
  const stamps: string[] = [];
  for (const path of [file, ...more]) {
    const stamp = await stampOf(files, path);
    if (stamp !== '') stamps.push(`${path} ${stamp}`);
  }
  return stamps.join('\n');
}
