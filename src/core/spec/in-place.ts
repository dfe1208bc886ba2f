import type { NamedAdapter } from './spec.ts';

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
export function liveFolder(target: NamedAdapter | undefined, name: string): string | undefined {
  const files = target?.traits?.files;
  return files && `${files.root.replace(/\/+$/, '')}/live/${files.name ?? name}`;
}

/** Like {@link liveFolder}, but only if the folder belongs to another client. */
export const filesInPlace = (target: NamedAdapter | undefined, name: string): string | undefined =>
  target?.traits?.files?.inPlace ? liveFolder(target, name) : undefined;

/** Reports whether a deployer writes into another client's own folder. */
export const isInPlace = (target: NamedAdapter | undefined, root: string): boolean =>
  target?.traits?.files?.inPlace === true && target.traits.files.root === root;
