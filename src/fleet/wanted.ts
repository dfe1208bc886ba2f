import { fail } from '../core/errors/errors.ts';
import { isOnlyOwing, type Lineage } from '../core/lineage/lineage.ts';
import { notRenewedHere, notRenewedWithoutSettings } from '../core/lineage/not-renewed.ts';
import { identifierKey } from '../core/names/identifier.ts';
import { isStagingName } from '../core/names/identifiers.ts';
import type { CertificateSpec, Settings, StoredSpec } from '../core/spec/spec.ts';
import { storedSpecOf } from '../core/spec/stored-spec.ts';
import type { Job } from '../engine/run/job.ts';
import type { OpenFleet } from './opened.ts';
import { notFound, notThere, readAll, readOne, type Stored } from './stored.ts';

/** A certificate's settings, and where they come from. */
export type Wanted = Pick<Job, 'wanted' | 'origin' | 'isStored'>;

export const nameOfWanted = ({ wanted }: Wanted): string => wanted.name;

const allDeclared = ({ settings }: OpenFleet): readonly Wanted[] =>
  settings.certificates.map((spec) => declaredAs(settings, spec));

const declaredAs = (settings: Settings, spec: CertificateSpec): Wanted => ({
  wanted: storedSpecOf(settings, spec),
  origin: 'configuration',
});

/**
 * Returns a stored lineage that is renewed with the settings that it has: one that was issued by flags, or one whose
 * declaration in the store is refused.
 */
export function renewedAsStored({ inStore }: Pick<Settings, 'inStore'>, lineage: Lineage): Wanted | undefined {
  const { name, origin, spec, givenBack, settingsLost } = lineage;
  const isRefused = inStore?.refused.has(name) === true && !givenBack && !settingsLost;
  if ((origin !== 'command-line' && !isRefused) || isStagingName(name) || isOnlyOwing(lineage)) return undefined;
  return { wanted: spec, origin, isStored: true };
}

/** Returns all declared certificates, and all others that are renewed with their stored settings. */
export function allWanted(fleet: OpenFleet, stored: Stored): readonly Wanted[] {
  const declared = allDeclared(fleet);
  const names = new Set(declared.map(nameOfWanted));
  const others = [...stored].flatMap(([name, found]) => {
    const one = found instanceof Error || names.has(name) ? undefined : renewedAsStored(fleet.settings, found);
    return one ? [one] : [];
  });
  return [...declared, ...others];
}

/** Returns what `renew` wants of a stored lineage, or undefined if `renew` ignores it. */
export const wantedOf = (fleet: OpenFleet, lineage: Lineage): Wanted | undefined =>
  declaredNamed(fleet.settings, lineage.name) ?? renewedAsStored(fleet.settings, lineage);

function declaredNamed(settings: Settings, name: string): Wanted | undefined {
  const spec = settings.certificates.find((one) => one.name === name);
  return spec && declaredAs(settings, spec);
}

/**
 * Returns all declared certificates, or the named ones, which may include stored ones that were issued by flags. Fails
 * with `lineage/not-found`, `lineage/not-renewed`.
 */
export async function declaredOrNamed(
  fleet: OpenFleet,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly Wanted[]> {
  if (names.length === 0) return allDeclared(fleet);
  const { settings } = fleet;
  const byName = new Map(settings.certificates.map((spec) => [spec.name, spec]));
  const found: Wanted[] = [];
  for (const name of new Set(names)) {
    const spec = byName.get(name);
    found.push(spec ? declaredAs(settings, spec) : await storedOfFlags(fleet, name, signal));
  }
  return found;
}

async function storedOfFlags(fleet: OpenFleet, name: string, signal: AbortSignal): Promise<Wanted> {
  const lineage = await readOne(fleet, name, signal);
  if (!lineage) throw await notThere(fleet, name, signal);
  const one = renewedAsStored(fleet.settings, lineage);
  if (!one) throw fail('lineage/not-renewed', { name, ...notRenewed(lineage) });
  return one;
}

/** Returns why a stored lineage is never renewed, and what to do about it. */
const notRenewed = ({
  name,
  givenBack,
  settingsLost,
  spec,
}: Lineage): { readonly why: string; readonly advice: string } => {
  if (givenBack) return notRenewedHere(givenBack);
  if (settingsLost) return notRenewedWithoutSettings(name, spec.identifiers.map(identifierKey));
  return isStagingName(name)
    ? {
        why: 'it is only a test certificate, which is not renewed',
        advice: 'For a new test, run `certfleet issue` with --staging again.',
      }
    : {
        why: 'it is no longer declared, so it is not renewed',
        advice: 'Declare it again, or name the configuration that declares it with --config.',
      };
};

/** Returns the specs of named certificates, as declared or else as stored, even if `renew` ignores them. */
export async function specsOf(
  fleet: OpenFleet,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly StoredSpec[]> {
  const byName = new Map(allDeclared(fleet).map((one) => [nameOfWanted(one), one.wanted]));
  const specs: StoredSpec[] = [];
  for (const name of new Set(names)) {
    const spec = byName.get(name) ?? (await readOne(fleet, name, signal))?.spec;
    if (!spec) throw notFound(name, [...byName.keys(), ...(await readAll(fleet, signal)).keys()]);
    specs.push(spec);
  }
  return specs;
}
