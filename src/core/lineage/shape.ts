import type { Lineage, Version } from './lineage.ts';

/**
 * Returns what is wrong with a document that should be a lineage, as a clause; undefined if nothing is. It looks at what
 * every pass needs of every certificate: one document must not stop the work on all others.
 */
export function faultOf(lineage: Lineage): string | undefined {
  const { spec, deployments, current, previous, renewal } = lineage;
  if (!isObject(deployments)) return 'its "deployments" are no object';
  if (!isObject(spec) || !isObject(spec.issuer?.settings)) return 'its "spec" has no issuer';
  const list = (['identifiers', 'parts', 'targets', 'endpoints'] as const).find((one) => !Array.isArray(spec[one]));
  if (list) return `its "spec" has no ${list}`;
  if (isWrong(current) || isWrong(previous)) return 'a version in it has no ID, or no valid times';
  return renewal && !isTime(renewal.at) ? 'its renewal time is none' : undefined;
}

const isWrong = (version: Version | undefined): boolean =>
  version !== undefined &&
  !(typeof version?.id === 'string' && isTime(version.facts?.notBefore) && isTime(version.facts?.notAfter));

export const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

export const isTime = (text: unknown): boolean => typeof text === 'string' && !Number.isNaN(Date.parse(text));
