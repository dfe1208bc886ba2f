import { knownIssuers } from './known-issuers.ts';

const [hour, day] = [3_600_000, 86_400_000];

/** From when on a CA's certificates last how long. */
type Lifetimes = readonly (readonly [from: string, lifetimeMs: number])[];

const always = (lifetimeMs: number): Lifetimes => [['1970-01-01', lifetimeMs]];

/** https://letsencrypt.org/2025/12/02/from-90-to-45 */
const letsEncrypt: Readonly<Record<string, Lifetimes>> = {
  classic: [...always(90 * day), ['2027-02-10', 64 * day], ['2028-02-16', 45 * day]],
  tlsserver: always(45 * day),
  shortlived: always(160 * hour),
};

/** Changes come to staging first. */
const staging: typeof letsEncrypt = { ...letsEncrypt, classic: [...always(64 * day), ['2028-02-16', 45 * day]] };

const known: ReadonlyMap<string, typeof letsEncrypt> = new Map([
  [knownIssuers['letsencrypt']!.directory, letsEncrypt],
  [knownIssuers['letsencrypt-staging']!.directory, staging],
]);

/** Returns how long a certificate that a CA issues then lasts, if that is known. */
export function lifetimeMsAt(directory: string, profile: string | undefined, atMs: number): number | undefined {
  const lifetimes = known.get(directory)?.[profile ?? 'classic'];
  return lifetimes?.findLast(([from]) => Date.parse(from) <= atMs)?.[1];
}
