import { sameIdentifiers } from '../names/identifier.ts';
import { sameAccount } from './account.ts';
import type { StoredSpec, Wishes } from './spec.ts';

/** Returns JSON with sorted keys, so that equal values give equal text. */
export const canonical = (value: unknown): string => JSON.stringify(sorted(value));

// A replacer function would make JSON.stringify three times as slow.
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) copy[key] = sorted((value as Record<string, unknown>)[key]);
  return copy;
}

/** Reports whether two values give the same {@link canonical} text, without writing it. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, at) => sameJson(one, b[at]));
  const [left, right] = [a, b] as [Record<string, unknown>, Record<string, unknown>];
  // JSON leaves out what is undefined.
  const hasMore = Object.keys(right).some((key) => right[key] !== undefined && left[key] === undefined);
  return !hasMore && Object.keys(left).every((key) => sameJson(left[key], right[key]));
}

/**
 * Reports whether two specs are equal, except for the limits of the CA, which are no wish. A change clears the back-off.
 */
export const sameSpec = (a: StoredSpec, b: StoredSpec): boolean =>
  a === b || sameJson(withoutLimits(a), withoutLimits(b));

function withoutLimits(spec: StoredSpec): StoredSpec {
  if (spec.issuer.settings.limits === undefined) return spec;
  const { limits: _, ...settings } = spec.issuer.settings;
  return { ...spec, issuer: { ...spec.issuer, settings } };
}

/** Reports whether two specs have the same limits of the CA. */
export const sameLimits = ({ issuer: a }: StoredSpec, { issuer: b }: StoredSpec): boolean =>
  sameJson(a.settings.limits ?? {}, b.settings.limits ?? {});

/** Reports whether two specs lead to the same order of the same account, so that an order for one serves the other. */
export const sameRequest = (a: StoredSpec, b: StoredSpec): boolean =>
  sameAccount(a.issuer.settings, b.issuer.settings) &&
  a.keyType === b.keyType &&
  a.onFailedName === b.onFailedName &&
  sameOrder(a, b) &&
  sameIdentifiers(a.identifiers, b.identifiers);

type Ordered = Pick<Wishes, 'profile' | 'validity' | 'preferredChain'>;

/** Reports whether a certificate that one of them asks for serves the other. */
const sameOrder = (a: Ordered, b: Ordered): boolean =>
  a.profile === b.profile && a.preferredChain === b.preferredChain && sameValidity(a, b);

export const sameValidity = ({ validity: a }: Ordered, { validity: b }: Ordered): boolean =>
  a?.notBefore === b?.notBefore && a?.notAfter === b?.notAfter;

/**
 * Reports whether two specs ask for the same certificate on the same targets. Solvers may differ, because each node of
 * a cluster may declare its own responder.
 */
export const sameResult = (a: StoredSpec, b: StoredSpec): boolean =>
  sameRequest(a, b) && sameJson([a.targets, a.endpoints], [b.targets, b.endpoints]);
