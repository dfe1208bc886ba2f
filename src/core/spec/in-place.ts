import type { AdapterSettings } from './spec.ts';

/** The name of the target that is another client's own folder. */
export const inPlaceTarget = (root: string): string => `files:${root}`;

/** The name of the target that is the files that another client has installed, or keeps in its folder. */
export const copiesTarget = (root: string): string => `copies:${root}`;

/** The folder in which another client has the files of a certificate, if a deployer writes there. */
export const filesInPlace = (settings: AdapterSettings | undefined, name: string): string | undefined =>
  settings?.type === 'files' && settings['layout'] === 'certbot'
    ? `${String(settings['path']).replace(/\/+$/, '')}/live/${settings['certbotName'] ?? name}`
    : undefined;

/** The folder in which a deployer writes the files of a certificate, as certbot has it. */
export const liveFolder = (settings: AdapterSettings | undefined, name: string): string | undefined =>
  filesInPlace(settings, name) ??
  (settings?.type === 'files' && (settings['layout'] ?? 'live') === 'live'
    ? `${String(settings['path']).replace(/\/+$/, '')}/live/${name}`
    : undefined);

/** Whether a deployer writes into another client's own folder. */
export const isInPlace = (settings: AdapterSettings | undefined, root: string): boolean =>
  settings?.type === 'files' && settings['layout'] === 'certbot' && settings['path'] === root;
