import type { LimitId } from '../../../src/core/limits/rate-limits.ts';
import type { LookTimes } from '../../../src/core/node/look-times.ts';
import type { AdapterTraits, NamedAdapter, StoredSpec } from '../../../src/core/spec/spec.ts';
import { type Command, drawCommands, drawPauses } from './asks.ts';
import { type Chance, chanceOf } from './chance.ts';
import { drawDrifts, looksFor, withEndpoint } from './endpoints.ts';
import { callsOfAlarms, drawFaults, type Fault } from './faults.ts';
import { solverOf } from './outside.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** The time at which every world begins. */
export const startMs = Date.parse('2026-11-24T12:00:00Z');

export interface ReplicaPlan {
  readonly name: string;
  /** Processes of one host can tell whether the others are dead. */
  readonly host: string;
  /** How far its wall clock is ahead. */
  readonly aheadMs: number;
  readonly startsAtMs: number;
}

/** Something that happens to the world, from a time on. Times are in ms since its beginning. */
export type Incident = { readonly atMs: number } & (
  | ({ readonly what: 'down'; readonly forMs: number } & AtCa)
  /** 503, with a Retry-After that may be far too long. */
  | ({ readonly what: 'busy'; readonly forMs: number; readonly retryAfterSeconds: number | undefined } & AtCa)
  | ({ readonly what: 'slow-finalize'; readonly forMs: number; readonly finalizeMs: number } & AtCa)
  | { readonly what: 'lifetime'; readonly lifetimeMs: number }
  | { readonly what: 'short-windows'; readonly windowMs: number }
  | ({ readonly what: 'revoke-all' } & AtCa)
  /** A clock is wrong. If it `runs`, the process goes on meanwhile. */
  | {
      readonly what: 'clock';
      readonly replica: string;
      readonly aheadMs: number;
      readonly forMs: number;
      readonly runs?: true;
    }
  /** Nothing can be written to the store. */
  | { readonly what: 'disk-full'; readonly forMs: number }
  /** The configuration changes: a certificate gets another name, or is no longer declared. */
  | { readonly what: 'add-name'; readonly certificate: string }
  | { readonly what: 'remove'; readonly certificate: string }
  /** The CA cannot validate the names of a certificate. */
  | { readonly what: 'invalid'; readonly certificate: string; readonly forMs: number }
  /** The configuration changes the certificate's CA. */
  | { readonly what: 'other-ca'; readonly certificate: string }
  /** SIGTERM. */
  | { readonly what: 'stop'; readonly replica: string; readonly forMs: number }
  /** Somebody puts the version before back at one of the places behind an endpoint. */
  | { readonly what: 'drift'; readonly certificate: string; readonly share: number }
  | { readonly what: 'command'; readonly command: Command }
);

/** Everything that makes one world what it is. Leaving some of it out gives another world that can be run. */
export interface Scenario {
  readonly seed: number;
  readonly replicas: readonly ReplicaPlan[];
  readonly specs: readonly StoredSpec[];
  /** The limits of the CA that are smaller than Let's Encrypt's: how many in which time. */
  readonly limits: ScaledLimits;
  readonly lifetimeMs: number;
  /** A certificate's window is asked for this seldom at most. 0: whenever the CA wants to be asked. */
  readonly askEveryMs: number;
  /** How often what is served is looked at, if it is. */
  readonly looks?: LookTimes;
  /** How soon a process that was killed is started again, at the latest; drawn anew each time if it is not given. */
  readonly restartMs?: number;
  /** How long things go on happening. The world then has time to come to rest. */
  readonly spanMs: number;
  readonly faults: readonly Fault[];
  readonly incidents: readonly Incident[];
}

export type ScaledLimits = Readonly<Partial<Record<LimitId, { readonly count: number; readonly hours: number }>>>;

export interface Size {
  readonly specs: number;
  readonly replicas: number;
  readonly lifetimes: number;
  readonly faults: number;
  /** Set for a world without faults that asks for every window, one replica for so many days. */
  readonly days?: number;
}

export const fullSize: Size = { specs: 20, replicas: 2, lifetimes: 2, faults: 10 };

/** Few certificates, so that nearly every fault meets something: what a mutant breaks shows soon. */
export const denseSize: Size = { specs: 5, replicas: 2, lifetimes: 2, faults: 20 };

/** Two of these are 1,000 certificates over two years. */
export const yearsSize: Size = { specs: 500, replicas: 1, lifetimes: 0, faults: 0, days: 730 };

export const directoryUrl = 'https://acme-v02.api.letsencrypt.org/directory';

const issuerSettings = { directory: directoryUrl, email: [], agreeToTerms: true, test: true };

/** A second CA, of which no limits are known. */
export const otherDirectoryUrl = 'https://other.test/directory';

const otherIssuer = { name: 'other', settings: { ...issuerSettings, directory: otherDirectoryUrl } };

/** The CA of some incidents; undefined is the first one. */
interface AtCa {
  readonly isOther?: true;
}

const target = (type: string, name = type): NamedAdapter => {
  const traits: AdapterTraits | undefined = type === 'node' ? { ofNode: 'target' } : undefined;
  return { name, settings: { type }, ...(traits ? { traits } : {}) };
};

/** So small that certificates wait for each of them, and yet all are issued in time. */
const scaledLimits = (specs: number): ScaledLimits => ({
  newOrdersPerAccount: { count: Math.ceil(specs / 3), hours: 1 },
  certificatesPerDomain: { count: 3, hours: 48 },
  failedAuthorizations: { count: 2, hours: 12 },
  pausingFailures: { count: 3, hours: 72 },
});

/** The same as the configuration writes it. */
const configured = (limits: ScaledLimits) =>
  Object.fromEntries(Object.entries(limits).map(([id, { count, hours }]) => [id, `${count}/${hours}h`]));

function drawSpec(chance: Chance, at: number, limits: ScaledLimits): StoredSpec {
  const isScaled = Object.keys(limits).length > 0;
  const name = `c${at}`;
  const kind = chance.weighed({ one: 4, wildcard: 2, three: 2, shared: isScaled ? 8 : 3 });
  const names = {
    one: [`www.d${at}.test`],
    wildcard: [`d${at}.test`, `*.d${at}.test`],
    three: ['a', 'b', 'c'].map((label) => `${label}.d${at}.test`),
    // Many certificates below one registered domain.
    shared: [`s${at}.shared.test`],
  }[kind];
  const solver = kind === 'wildcard' || chance() < 0.6 ? 'dns' : 'web';
  const targets = chance.weighed({ fleet: 4, uploads: 3, node: 3, 'roll-out': 1, both: 2, none: 0.5 });
  return {
    name,
    identifiers: names.map((value) => ({ type: 'dns', value })),
    endpoints: [],
    issuer: { name: 'sim', settings: { ...issuerSettings, ...(isScaled ? { limits: configured(limits) } : {}) } },
    parts: [{ solver: solverOf(solver) }],
    targets: targets === 'none' ? [] : targets === 'both' ? [target('uploads'), target('node')] : [target(targets)],
    preflight: { resolvers: [], http01Port: 80 },
  };
}

function drawIncidents(
  chance: Chance,
  world: Pick<Scenario, 'specs' | 'lifetimeMs' | 'limits' | 'spanMs' | 'replicas'>,
): readonly Incident[] {
  const { specs, lifetimeMs, limits, spanMs, replicas } = world;
  const incidents: Incident[] = [];
  const some = (share: number, draw: () => Incident) => {
    if (chance() < share) incidents.push(draw());
  };
  /** Most often shortly before certificates are renewed: at other times, little happens. */
  const atMs = (from = 0, to = 1) => {
    const anyMs = chance.between(from, to) * spanMs;
    const everyMs = lifetimeMs * (lifetimeMs < 10 * dayMs ? 1 / 2 : 2 / 3);
    const nextMs = Math.ceil(anyMs / everyMs) * everyMs + chance.between(-0.04, 0.01) * lifetimeMs;
    return Math.floor(chance() < 0.6 && nextMs > 0 && nextMs < spanMs ? nextMs : anyMs);
  };
  // A client has a third of a lifetime, or half of a short one, to get over it.
  const forMs = Math.floor(lifetimeMs * chance.between(0.002, 0.06));
  const replica = chance.one(replicas).name;
  const certificate = chance.one(specs).name;
  some(0.25, () => ({ what: 'down', atMs: atMs(), forMs }));
  some(0.35, () => ({
    // Its Retry-After must be over at the end.
    ...{ what: 'busy', atMs: Math.min(atMs(), lifetimeMs < 10 * dayMs ? spanMs : spanMs - 9 * dayMs), forMs },
    retryAfterSeconds: chance.one([undefined, 3_600, 7 * 86_400, 7 * 86_400]),
  }));
  some(0.25, () => ({ what: 'slow-finalize', atMs: atMs(), forMs, finalizeMs: chance.one([2_000, 20_000, 400_000]) }));
  some(0.2, () => ({ what: 'lifetime', atMs: atMs(), lifetimeMs: chance.one([90, 64, 45, 6]) * dayMs }));
  some(0.15, () => ({ what: 'revoke-all', atMs: atMs(0.1, 0.9) }));
  some(0.25, () => ({
    ...{ what: 'clock', atMs: atMs(), forMs: Math.min(forMs, 20 * minuteMs), replica },
    aheadMs: chance.one([-2, 0.5, 3, 24 * 400, 24 * 400]) * hourMs,
  }));
  some(0.3, () => ({ what: 'add-name', atMs: atMs(0.2, 0.8), certificate }));
  some(0.3, () => ({ what: 'remove', atMs: atMs(0.2, 0.8), certificate: chance.one(specs).name }));
  some(0.3, () => ({ what: 'stop', atMs: atMs(), replica, forMs: Math.floor(chance.between(1_000, 2 * hourMs)) }));
  if (limits.failedAuthorizations)
    some(0.7, () => ({ what: 'invalid', atMs: atMs(), forMs: 4 * forMs, certificate: chance.one(specs).name }));
  // A sequence of its own, so that the seeds of before stay as they were.
  const more = chance.fork('other incidents');
  if (more() < 0.15) incidents.push({ what: 'disk-full', atMs: atMs(), forMs: Math.min(forMs, hourMs) });
  if (more() < 0.1)
    incidents.push({
      ...{ what: 'clock', atMs: atMs(), forMs: Math.min(forMs, 4 * hourMs), replica, runs: true },
      aheadMs: chance.one([-24, 24]) * hourMs,
    });
  // An outage that long-lived certificates survive may last too long for those that become short-lived.
  const lifetimes = incidents.map((one) => ('lifetimeMs' in one ? one.lifetimeMs : lifetimeMs));
  const share = Math.min(lifetimeMs, ...lifetimes) / lifetimeMs;
  // Each is over before the world comes to rest.
  const inTime = incidents.map((one) => {
    if (!('forMs' in one)) return one;
    const shorterMs = Math.floor(one.forMs * share);
    return { ...one, forMs: shorterMs, atMs: Math.max(0, Math.min(one.atMs, spanMs - shorterMs)) };
  });
  return byTime(inTime);
}

/** Draws a world without faults in which the lifetimes change as Let's Encrypt has announced. */
function yearsOf(seed: number, specs: number, days: number): Scenario {
  const name = 'r1';
  const chance = chanceOf(seed).fork('specs');
  // https://letsencrypt.org/2025/12/02/from-90-to-45
  const shorter = { '2027-02-10': 64, '2028-02-16': 45 };
  return {
    seed,
    replicas: [{ name, host: name, aheadMs: 0, startsAtMs: 0 }],
    specs: Array.from({ length: specs }, (_, at) => drawSpec(chance, at, {})),
    ...{ limits: {}, lifetimeMs: 90 * dayMs, askEveryMs: 0, spanMs: days * dayMs, faults: [] },
    incidents: Object.entries(shorter).map(([date, lifetimeDays]) => ({
      ...{ what: 'lifetime', atMs: Date.parse(date) - startMs, lifetimeMs: lifetimeDays * dayMs },
    })),
  };
}

/** Draws a world: everything about it follows from the seed. */
export function scenarioOf(seed: number, size: Size = fullSize): Scenario {
  if (size.days !== undefined) return yearsOf(seed, size.specs, size.days);
  const chance = chanceOf(seed);
  const draw = chance.fork('world');
  const isOneHost = draw() < 0.4;
  const replicas = Array.from({ length: size.replicas }, (_, at): ReplicaPlan => {
    const aheadMs = Math.floor(draw.between(-1, 1) * draw.one([1_000, 30_000, 20 * minuteMs]));
    const name = `r${at + 1}`;
    return { name, host: isOneHost ? 'host' : name, aheadMs, startsAtMs: at * draw.whole(0, 600_000) };
  });
  const lifetimeMs = draw.one([6, 6, 45, 64, 90]) * dayMs;
  const spanMs = size.lifetimes * lifetimeMs;
  const limits = seed % 3 === 2 ? scaledLimits(size.specs) : {};
  const specChance = chance.fork('specs');
  const spread = chance.fork('cas');
  const hasTwo = spread() < 0.3;
  const isWatched = seed % 7 === 6;
  const specs = Array.from({ length: size.specs }, (_, at) => {
    const drawn = drawSpec(specChance, at, limits);
    const spec = isWatched ? withEndpoint(drawn) : drawn;
    return hasTwo && spread() < 0.5 ? { ...spec, issuer: otherIssuer } : spec;
  });
  // Faults and incidents meet little else than questions if each is asked.
  const askEveryMs = lifetimeMs / 2;
  const looks = isWatched ? { looks: looksFor(lifetimeMs) } : {};
  const calm = { seed, replicas, specs, limits, lifetimeMs, askEveryMs, spanMs, ...looks };
  const drifts = isWatched ? drawDrifts(chance.fork('drifts'), calm) : [];
  // Some worlds without faults, in which the writes are counted.
  if (size.faults === 0 || seed % 10 === 0) return { ...calm, faults: [], incidents: drifts };
  // In others, nothing is wrong but one of two CAs: the certificates of the other one must not notice.
  if (hasTwo && spread() < 0.3)
    return { ...calm, faults: [], incidents: byTime([drawOutage(spread, calm), ...drifts]) };
  const names = replicas.map(({ name }) => name);
  const ofAlarms = { count: Math.ceil(size.faults / 5), replicas: names, spanMs, calls: callsOfAlarms };
  const faults = byTime([
    ...drawFaults(chance.fork('faults'), { count: size.faults, replicas: names, spanMs }),
    ...drawFaults(chance.fork('alarms'), ofAlarms),
  ]);
  const drawn = drawIncidents(chance.fork('incidents'), calm);
  const incidents = byTime([...(hasTwo ? withOtherCa(spread, drawn, calm) : drawn), ...drifts]);
  const certificates = specs.map(({ name }) => name);
  const asking = { certificates, nodes: names, spanMs, lifetimeMs };
  const nothing = { commands: [], faults: [] };
  const asked = chance.fork('commands');
  const usual = asked() < 0.5 ? nothing : drawCommands(asked, asking);
  const pausing = chance.fork('pauses');
  const pauses = pausing() < 0.6 ? nothing : drawPauses(pausing, asking, usual.commands);
  const commands = [...usual.commands, ...pauses.commands].map((one) => ({ what: 'command', ...one }) as const);
  return {
    ...calm,
    faults: byTime([...faults, ...usual.faults, ...pauses.faults]),
    incidents: byTime([...incidents, ...commands]),
  };
}

const byTime = <T extends { readonly atMs: number }>(all: readonly T[]): readonly T[] =>
  [...all].sort((a, b) => a.atMs - b.atMs);

/** Gives some incidents to the other CA, and lets a certificate move to it. */
function withOtherCa(
  chance: Chance,
  incidents: readonly Incident[],
  { specs, spanMs }: Pick<Scenario, 'specs' | 'spanMs'>,
): readonly Incident[] {
  const there = incidents.map((one): Incident => {
    const isOfCa = ['down', 'busy', 'slow-finalize', 'revoke-all'].includes(one.what);
    return isOfCa && chance() < 0.5 ? ({ ...one, isOther: true } as Incident) : one;
  });
  const atMs = Math.floor(chance.between(0.1, 0.8) * spanMs);
  const moved: Incident = { what: 'other-ca', atMs, certificate: chance.one(specs).name };
  return chance() < 0.5 ? byTime([...there, moved]) : there;
}

/** Draws what goes wrong at one of two CAs, while their certificates are issued first or renewed. */
function drawOutage(chance: Chance, { lifetimeMs }: Pick<Scenario, 'lifetimeMs'>): Incident {
  const renewalMs = lifetimeMs * (lifetimeMs < 10 * dayMs ? 1 / 2 : 2 / 3);
  const forMs = Math.floor(lifetimeMs * chance.between(0.02, 0.06));
  const times = { atMs: Math.floor(chance.one([0, renewalMs - forMs / 2])), forMs };
  const at = chance() < 0.5 ? { isOther: true as const } : {};
  switch (chance.one(['down', 'busy', 'slow-finalize'])) {
    case 'down':
      return { what: 'down', ...times, ...at };
    case 'busy':
      return { what: 'busy', ...times, ...at, retryAfterSeconds: chance.one([undefined, 3_600, 86_400]) };
    default:
      return { what: 'slow-finalize', ...times, ...at, finalizeMs: chance.one([20_000, 400_000]) };
  }
}

/** Returns the spec with the other CA. */
export const atOtherCa = (spec: StoredSpec): StoredSpec => ({ ...spec, issuer: otherIssuer });
