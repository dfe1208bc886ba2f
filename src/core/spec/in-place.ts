import type { AdapterSettings } from './spec.ts';
import { writesFiles } from './traits.ts';

/** Returns the name of the target that stands for another client's own folder. */
export const inPlaceTarget = (root: string): string => `files:${root}`;

/**
 * Returns the name of the target that stands for the files that another client has installed, or keeps in its folder.
 */
export const copiesTarget = (root: string): string => `copies:${root}`;

/**
 * Returns the folder in which a deployer writes a certificate's files in certbot's layout, or undefined if it writes
 * none.
 */
export function liveFolder(settings: AdapterSettings | undefined, name: string): string | undefined {
  if (!settings || !writesFiles(settings) || typeof settings['path'] !== 'string') return undefined;
  const { path, certbotName } = settings;
  const own = settings['layout'] === 'certbot' && typeof certbotName === 'string' ? certbotName : name;
  return `${path.replace(/\/+$/, '')}/live/${own}`;
}

/** Like {@link liveFolder}, but only if the folder belongs to another client. */
export const filesInPlace = (settings: AdapterSettings | undefined, name: string): string | undefined =>
  settings?.['layout'] === 'certbot' ? liveFolder(settings, name) : undefined;

/** Reports whether a deployer writes into another client's own folder. */
export const isInPlace = (settings: AdapterSettings | undefined, root: string): boolean =>
  settings !== undefined && writesFiles(settings) && settings['layout'] === 'certbot' && settings['path'] === root;
