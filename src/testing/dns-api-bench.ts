import { Secret } from '../core/errors/secret.ts';
import { present } from '../core/text/present.ts';
import type { DnsProviderDefinition, z } from '../define.ts';
import type { DnsProvider, DnsValue } from '../ports/dns-provider.ts';
import type { Http } from '../ports/http.ts';
import type { World } from '../ports/world.ts';
import type { DnsApiBench } from './dns-api-contract.ts';
import { createFakeApi, type FakeApi } from './fake-api.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';

/** A strict, stateful fake of a service, whose account has the zones {@link fakeZones} at first. */
export interface FakeDnsService {
  readonly api: FakeApi;
  /** Returns every TXT value in a zone, without quotes. */
  values(zone: string): readonly { readonly name: string; readonly value: string }[];
  /** Adds a value, as another program would, with any characters. */
  plant(value: DnsValue): void;
  /** Adds empty zones to the account. */
  addZones(names: readonly string[]): void;
  /** Makes the service's lists this old from now on. Required if the provider has `traits.listLagMs`. */
  lag?(ms: number): void;
}

/** A zone, and a delegated zone below it. */
export const fakeZones = ['example.test', 'sub.example.test'] as const;

export interface DnsApiBenchOptions<Shape extends z.ZodObject>
  extends Pick<DnsApiBench, 'isWrite' | 'isOptional' | 'limit' | 'refusal' | 'nameOf'> {
  /** Creates a fake for each check. Its API is where the provider finds it without `endpoint`. */
  readonly service: (clock: FakeClock) => FakeDnsService;
  /** Options with the right credentials. */
  readonly options: z.input<Shape>;
  /**
   * Wrong credentials, which the fake refuses. They replace the right ones, and the error must name one of these
   * options.
   */
  readonly refused: Partial<z.input<Shape>>;
  /** Credentials that can read everything but change nothing, if the service has such. */
  readonly readOnly?: Partial<z.input<Shape>>;
  /**
   * Secrets in addition to each `Secret` in the options: those that the fake issues (an access token), or that are
   * derived from secrets.
   */
  readonly secrets?: readonly string[];
  /** The zone, if not the first of {@link fakeZones}. */
  readonly zone?: string;
  /** The delegated zone, if not the second of {@link fakeZones}; undefined if there is none. */
  readonly subZone?: string | undefined;
}

/**
 * The bench of a provider with an HTTP API: the provider on a fake clock, with a fake of its service.
 *
 * ```ts
 * export default dnsApiBench(provider, {
 *   service: (clock) => fakeExample(clock),
 *   options: { token: new Secret('right-token') },
 *   refused: { token: new Secret('wrong-token') },
 * });
 * ```
 */
export function dnsApiBench<Shape extends z.ZodObject, Provider extends DnsProvider>(
  definition: DnsProviderDefinition<Shape, Provider>,
  given: DnsApiBenchOptions<Shape>,
): () => Promise<Omit<DnsApiBench, 'connect'> & { connect(): Provider }> {
  return async () => {
    const clock = fakeClock();
    const {
      options,
      refused,
      readOnly,
      secrets: others = [],
      zone = fakeZones[0],
      service: fakeOf,
      ...ofService
    } = given;
    const service = fakeOf(clock);
    const lines: string[] = [];
    const world = fakeWorld(clock, lines);
    const nowhere = createFakeApi({ clock, origin: 'https://nowhere.test', routes: {} });
    const connect = (more: Partial<z.input<Shape>> = {}, { http } = service.api) =>
      definition.connect({
        name: 'dns',
        options: definition.options.parse({ ...options, ...more }) as z.infer<Shape>,
        world: world(http),
      });
    const secretsIn = (some: object) =>
      Object.values(some).flatMap((option) => (option instanceof Secret ? [option.reveal()] : []));
    const secrets = [options, refused, readOnly ?? {}].flatMap(secretsIn);
    return {
      traits: definition.traits,
      zone,
      subZone: fakeZones[1],
      connect: () => connect(),
      connectRefused: () => connect(refused),
      connectUnreachable: () => connect({}, nowhere),
      connectElsewhere: () => connect({ endpoint: 'http://127.0.0.1:9' } as unknown as Partial<z.input<Shape>>),
      ...present({ connectReadOnly: readOnly && (() => connect(readOnly)) }),
      values: async (name) => service.values(name),
      plant: async (value) => service.plant(value),
      secrets: [...new Set([...secrets, ...others])],
      ownSecrets: secretsIn(options),
      clock,
      logged: () => lines,
      stop: async () => {},
      api: service.api,
      credentials: Object.keys(refused),
      addZones: (names) => service.addZones(names),
      lag: service.lag && ((ms) => service.lag?.(ms)),
      // Replaced by the service's own subZone, if there is one.
      ...ofService,
    };
  };
}

/** Returns the world of a provider with an HTTP API. */
export function fakeWorld(clock: FakeClock, lines: string[]): (http: Http) => World {
  const log = (line: string) => void lines.push(line);
  let drawn = 0;
  // Never repeats, because a fake may refuse a nonce that it has seen.
  const bytes = (length: number) => {
    drawn += 1;
    return Uint8Array.from({ length }, (_, at) => (drawn >> (8 * (at % 3))) & 0xff);
  };
  const random = { bytes, number: () => 0.5 };
  const parts: Partial<World> = { clock, random, log: { debug: log, info: log, warn: log } };
  return (http) => ({ ...parts, http: () => http }) as World;
}
