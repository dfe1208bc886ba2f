import { pageAssets } from '../generated/page-assets.ts';
import type { Assets } from './layout.tsx';

const all = Object.values(pageAssets);

/** Where each asset is. Its content never changes under its name. */
export const assets: Assets = {
  style: `/assets/${pageAssets.style.name}`,
  script: `/assets/${pageAssets.script.name}`,
};

/** Differs if the pages of another version have other scripts or styles. */
export const build: string = all.map(({ name }) => name.slice(0, 6)).join('');

export const assetNamed = (name: string) => all.find((one) => one.name === name);
