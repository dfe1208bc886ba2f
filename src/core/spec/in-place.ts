import type { AdapterSettings } from './spec.ts';
import { writesFiles } from './traits.ts';

/** The name of the target that is another client's own folder. */
export const inPlaceTarget = (root: string): string => `files:${root}`;

/** The name of the target that is the files that another client has installed, or keeps in its folder. */
export const copiesTarget = (root: string): string => `copies:${root}`;

/** The folder in which a deployer writes the files of a certificate, as certbot has it; undefined if it writes none. */
export function liveFolder(settings: AdapterSettings | undefined, name: string): string | undefined {
  if (!settings || !writesFiles(settings) || typeof settings['path'] !== 'string') return undefined;
  const { path, certbotName } = settings;
  const own = settings['layout'] === 'certbot' && typeof certbotName === 'string' ? certbotName : name;
  return `${path.replace(/\/+$/, '')}/live/${own}`;
}

/** The same, if it is the folder of another client. */
export const filesInPlace = (settings: AdapterSettings | undefined, name: string): string | undefined =>
  settings?.['layout'] === 'certbot' ? liveFolder(settings, name) : undefined;

/** Whether a deployer writes into another client's own folder. */
export const isInPlace = (settings: AdapterSettings | undefined, root: string): boolean =>
  settings !== undefined && writesFiles(settings) && settings['layout'] === 'certbot' && settings['path'] === root;
