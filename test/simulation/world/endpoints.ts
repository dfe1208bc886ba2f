import { type LookTimes, usualLookTimes } from '../../../src/core/node/look-times.ts';
import type { NamedAdapter, StoredSpec } from '../../../src/core/spec/spec.ts';
import type { Chance } from './chance.ts';
import type { Outside } from './outside.ts';
import type { Incident, Scenario } from './scenario.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The host of a certificate's endpoint, in worlds that have some. Each place of its targets has an address there. */
export const endpointHostOf = (certificate: string): string => `served.${certificate}.test`;

/** A roll-out takes a while, in which some servers have the version before. */
export const withEndpoint = (spec: StoredSpec): StoredSpec =>
  spec.targets.length === 0 || spec.targets.some(({ settings }) => settings['type'] === 'roll-out')
    ? spec
    : { ...spec, endpoints: [`${endpointHostOf(spec.name)}:443`] };

/** As the product does, but not every hour for half a year. */
export const looksFor = (lifetimeMs: number): LookTimes =>
  lifetimeMs < 10 * dayMs ? usualLookTimes : { ...usualLookTimes, ownMs: 6 * hourMs };

/** Draws when somebody puts an old version back. */
export function drawDrifts(chance: Chance, { specs, spanMs }: Pick<Scenario, 'specs' | 'spanMs'>): readonly Incident[] {
  const watched = specs.filter(({ endpoints }) => endpoints.length > 0);
  if (watched.length === 0) return [];
  const drifts = Array.from({ length: 6 }, () => ({
    ...({ what: 'drift', certificate: chance.one(watched).name, share: chance() } as const),
    atMs: Math.floor(chance.between(0.3, 1) * spanMs),
  }));
  return drifts.sort((a, b) => a.atMs - b.atMs);
}

/** Returns the places behind the endpoints of a world: each place of a certificate's targets has an address there. */
export function endpointsOf({ specs, replicas }: Pick<Scenario, 'specs' | 'replicas'>): Outside['endpoints'] {
  const placesOf = ({ name: target, settings }: NamedAdapter): readonly string[] =>
    settings['type'] === 'node' ? replicas.map(({ name }) => `${target}@${name}`) : [target];
  return new Map(
    specs
      .filter(({ endpoints }) => endpoints.length > 0)
      .map(({ name, targets }) => [endpointHostOf(name), targets.flatMap(placesOf).map((place) => `${name} ${place}`)]),
  );
}
