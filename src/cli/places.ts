import type { Settings } from '../core/spec.ts';

/** The folder of a certificate's files, if the target uses certbot's layout. */
export function folderOf(target: string, certificate: string, settings: Settings): string | undefined {
  const { type, path } = target.startsWith('files:')
    ? { type: 'files', path: target.slice('files:'.length) }
    : (settings.deployers[target] ?? { type: undefined, path: undefined });
  const inFiles = (type === 'files' || type === 'nginx') && typeof path === 'string';
  return inFiles ? `${path.replace(/\/$/, '')}/live/${certificate}/` : undefined;
}
