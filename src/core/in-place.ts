import type { AdapterSettings } from './spec.ts';

/** The name of the target that is another client's own folder. */
export const inPlaceTarget = (root: string): string => `files:${root}`;

/** Whether a deployer writes into another client's own folder. */
export const isInPlace = (settings: AdapterSettings | undefined, root: string): boolean =>
  settings?.type === 'files' && settings['layout'] === 'certbot' && settings['path'] === root;
