import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LimitId, type LimitTexts, limitsOf, type RateLimit } from '../../src/core/limits/rate-limits.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { Boulder } from './boulder.ts';
import { type Certfleet, documents, outcomesOf, type Ran } from './e2e.ts';
import { boulderNames } from './rate-limit-oracle.ts';
import { temporaryFolder } from './service.ts';

const rateLimits = (texts: LimitTexts): readonly RateLimit[] => limitsOf('https://ca.test/directory', texts);

/** Returns limits in Boulder's own form. */
export const boulderLimits = (texts: LimitTexts): Readonly<Record<string, object>> =>
  Object.fromEntries(
    rateLimits(texts).map(({ id, burst, periodMs }) => [
      boulderNames[id],
      { count: burst, burst, period: `${periodMs}ms` },
    ]),
  );

/** A store and a configuration with many certificates at Boulder, whose limits the configuration names. */
export interface BoulderFleet {
  readonly store: string;
  /**
   * Writes the configuration: the names of the certificates by account. Boulder finds the answers on port 80 alone; on
   * another port, the preflight finds them all the same.
   *
   * @param at the port of the responder, or the folder of a web server on port 80
   */
  configure(names: Readonly<Record<string, readonly string[]>>, at?: number | string): Promise<void>;
  run(...args: readonly string[]): Promise<FleetRan>;
  /** By name: until when `status` says that a certificate is rate limited. */
  shown(): Promise<ReadonlyMap<string, number>>;
  /** How many newOrder requests Boulder accepted and refused so far. */
  orders(account?: string): Promise<{ readonly accepted: number; readonly refused: number }>;
  /** When the first newOrder request of an account came. */
  firstOrderMs(account: string): Promise<number>;
  /** When the next token of a bucket of the account, or of `of`, comes, as Boulder keeps it. */
  nextTokenMs(limit: LimitId, of?: string): Promise<number>;
}

export interface Waiting {
  readonly name: string;
  readonly untilMs: number;
  readonly quota: string;
}

export interface FleetRan extends Ran {
  readonly outcomes: readonly Outcome[];
  /** The certificates that came. */
  readonly issued: readonly string[];
  /** Those that wait for a rate limit, the soonest first. */
  readonly waiting: readonly Waiting[];
}

export async function boulderFleet(boulder: Boulder, certfleet: Certfleet, limits: LimitTexts): Promise<BoulderFleet> {
  const folder = await temporaryFolder('fleet');
  const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
  const { directoryUrl: directory, caFile, resolver, webAddress, inside } = boulder;
  const idOf = async (account = 'default') => {
    const all = [...(await documents(store, 'account')).values()].map(
      (text) => JSON.parse(text) as { readonly name: string; readonly url?: string },
    );
    const id = all
      .find(({ name }) => name === account)
      ?.url?.split('/')
      .at(-1);
    if (id === undefined) throw new Error(`there is no account ${account}`);
    return id;
  };
  const fleet: BoulderFleet = {
    store,
    async configure(names, at = 80) {
      const issuer = { directory, caFile, agreeToTerms: true, test: true, limits };
      const all = {
        store: { type: 'file', path: store },
        issuers: Object.fromEntries(Object.keys(names).map((account) => [account, { ...issuer, account }])),
        solvers: {
          web:
            typeof at === 'string'
              ? { type: 'http01-webroot', folders: [at] }
              : { type: 'http01-responder', listen: `${webAddress}:${at}` },
        },
        certificates: Object.entries(names).flatMap(([account, some]) =>
          some.map((name) => ({ name, identifiers: [name], issuer: account })),
        ),
        preflight: { resolvers: [resolver], http01Port: typeof at === 'string' ? 80 : at },
      };
      // JSON is YAML.
      await writeFile(config, JSON.stringify(all));
    },
    async run(...args) {
      const ran = await certfleet([...args, '--json', '--config', config], { inside });
      const outcomes = outcomesOf(ran) as unknown as readonly Outcome[];
      return {
        ...ran,
        outcomes,
        issued: outcomes.filter(({ result }) => result === 'issued').map(({ certificate }) => certificate),
        waiting: outcomes
          .flatMap((one) =>
            one.result === 'unchanged' && one.limited
              ? [{ name: one.certificate, untilMs: Date.parse(one.limited.until), quota: one.limited.quota }]
              : [],
          )
          .sort((one, other) => one.untilMs - other.untilMs),
      };
    },
    async shown() {
      const { events } = await fleet.run('status');
      const all = events as unknown as readonly { readonly name: string; readonly rateLimit?: { until: string } }[];
      return new Map(all.flatMap(({ name, rateLimit }) => (rateLimit ? [[name, Date.parse(rateLimit.until)]] : [])));
    },
    async orders(account) {
      const all = await boulder.newOrders(await idOf(account));
      const refused = all.filter(({ status }) => status === 429).length;
      return { accepted: all.length - refused, refused };
    },
    firstOrderMs: async (account) => (await boulder.newOrders(await idOf(account)))[0]?.atMs ?? Number.NaN,
    async nextTokenMs(limit, of) {
      const { burst, intervalMs } = rateLimits(limits).find(({ id }) => id === limit)!;
      const account = limit === 'newOrdersPerAccount' || limit === 'failedAuthorizations' ? [await idOf()] : [];
      const fullAtMs = await boulder.fullAtMs(limit, [...account, of].filter(Boolean).join(':'));
      return (fullAtMs ?? 0) - (burst - 1) * intervalMs;
    },
  };
  return fleet;
}
