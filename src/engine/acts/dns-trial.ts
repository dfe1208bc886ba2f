import { untilAny } from '../../core/async/on-abort.ts';
import { provesNothingWritten } from '../../core/ca/proofs.ts';
import { asFailure, type CertfleetError, fail, reasonOf } from '../../core/errors/errors.ts';
import type { JournalledChallenge } from '../../core/lineage/lineage.ts';
import { missedFor, owedBy, tombstoneOf } from '../../core/lineage/tombstones.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { toBase64url } from '../../core/text/encoding.ts';
import type { DnsProviderTraits, DnsValue } from '../../ports/dns-provider.ts';
import type { Engine } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import type { Dns01Options } from '../solvers/dns01.ts';
import { createTrial, type Sighting, type Trial, type TrialTarget } from '../solvers/dns01-trial.ts';
import { type Hand, ttlOf, unlessElsewhere } from '../solvers/zone-holders.ts';
import { closeTrial, journalTrial, sweepTrials } from './trial-journal.ts';

export interface TrialRequest {
  /** The solver `dns01` to try; the rest of the spec belongs to no certificate. */
  readonly spec: StoredSpec;
  /** A name in the zone. The value is added at a random name below it. */
  readonly below: string;
  /** The full name for the value, instead of a random one. */
  readonly record?: string | undefined;
  readonly told: (news: TrialNews) => void;
}

export type TrialStep = 'zone' | 'check' | 'add' | 'visible' | 'remove' | 'gone';
type Value = Pick<DnsValue, 'zone' | 'name' | 'value'>;
type Left = Value & { readonly reason: string };

export interface MadeStep {
  readonly step: TrialStep;
  readonly ms: number;
  readonly finding: string;
}

export type TrialNews =
  | MadeStep
  | { readonly waitsFor: string }
  /** From here on, a value may be left behind. */
  | { readonly adds: Value }
  | { readonly left: Left };

export interface TrialReport {
  readonly steps: readonly MadeStep[];
  readonly traits: DnsProviderTraits;
  readonly zone?: string;
  readonly name?: string;
  /** In seconds. */
  readonly ttl: { readonly sent: number; readonly served?: number | undefined };
  /** How long the servers took, and how long the solver would wait for them. */
  readonly visible?: { readonly ms: number; readonly limitMs: number; readonly servers: Sighting['servers'] };
  /** The value that could not be removed. */
  readonly left?: Left;
  readonly error?: CertfleetError;
}

/** Certificates cannot have such names. */
const prefix = '~dns-test-';
/** The prefix of challenge names. */
const label = '_acme-challenge.';
/** How long the removal may take. */
const cleanupBudgetMs = 30_000;
/** Stands in for an account's thumbprint (RFC 8555 §8.1), from which the value is computed. */
const thumbprint = 'certfleet-dns-test';

/**
 * Tries a DNS provider with one value at an unused name: adds it, sees it on every authoritative server, and removes
 * it. The value is journalled like a challenge, so a sweep removes it if this process is killed.
 */
export async function tryDns(
  engine: Engine,
  dns01: Dns01Options,
  request: TrialRequest,
  signal: AbortSignal,
): Promise<TrialReport> {
  await sweepTrials(engine, prefix, signal);
  const trial = createTrial(dns01);
  const steps: MadeStep[] = [];
  const step: MakeStep = async (what, run, words) => {
    const since = engine.clock.monotonicMs();
    const result = await run();
    const made = { step: what, ms: Math.round(engine.clock.monotonicMs() - since), finding: words(result) };
    steps.push(made);
    request.told(made);
    return result;
  };
  const id = Buffer.from(engine.random.bytes(5)).toString('hex');
  const { record } = request;
  const own = record?.startsWith(label) ? record.slice(label.length) : undefined;
  const identifier = own ?? `certfleet-test-${id}.${request.below}`;
  let found: Partial<TrialReport> = {};
  let sent = { ttl: ttlOf(dns01.traits), traits: dns01.traits };
  try {
    const name = record ?? `${label}${identifier}`;
    const target = await step('zone', () => trial.find(name, record === undefined, signal), zoneText);
    const { hand } = target;
    const { provider } = hand;
    sent = hand;
    if (provider.check)
      await step(
        'check',
        () => unlessElsewhere(name, target, hand, async () => provider.check?.(target.zone, signal)),
        () => `the provider takes the credentials for ${target.zone}`,
      );
    const token = toBase64url(engine.random.bytes(32));
    const keyAuthorization = `${token}.${thumbprint}`;
    const value = toBase64url(dns01.sha256(keyAuthorization));
    const receipt = { zone: target.zone, name: target.name, value };
    const challenge: JournalledChallenge = { type: 'dns-01', identifier, token, receipt };
    const spec = { ...request.spec, name: `${prefix}${id}` };
    const holding = await journalTrial(engine, { wanted: spec, thumbprint, challenge }, signal);
    request.told({ adds: receipt });
    found = { zone: target.zone, name: target.name };
    const parts = { engine, hand, asked: name, trial, step, holding, told: request.told, signal };
    found = {
      ...found,
      ...(await addAndRemove(parts, {
        ...{ ...receipt, ttl: hand.ttl },
        challenge: { domain: identifier, token, keyAuthorization },
      })),
    };
  } catch (error) {
    signal.throwIfAborted();
    found = { ...found, error: asFailure(error) };
  } finally {
    for (const holder of [dns01, ...(dns01.elsewhere ?? [])]) await holder.provider.close?.();
  }
  return { ttl: { sent: sent.ttl }, ...found, steps, traits: sent.traits };
}

type MakeStep = <T>(step: TrialStep, run: () => Promise<T>, words: (result: T) => string) => Promise<T>;

interface Parts {
  readonly engine: Engine;
  readonly trial: Trial;
  readonly step: MakeStep;
  readonly holding: Holding;
  readonly hand: Hand;
  /** The original name, before aliases were followed. */
  readonly asked: string;
  readonly told: (news: TrialNews) => void;
  readonly signal: AbortSignal;
}

/**
 * Does everything that requires the lease. Whatever happens, the value is removed, or the journal says that it is left.
 */
async function addAndRemove(parts: Parts, value: DnsValue): Promise<Partial<TrialReport>> {
  const { engine, holding, told } = parts;
  try {
    const added = await addAndSee(parts, value);
    const { error: stuck, isSure } = added.mayBeThere
      ? await remove(parts, value, added)
      : { error: undefined, isSure: true };
    const { lineage } = holding;
    const looked = stuck === undefined ? 0 : -1;
    const lagMs = parts.hand.traits.listLagMs ?? 0;
    const stones = owedBy(lineage)
      .map((one) => tombstoneOf(lineage.spec, one, engine.clock.now(), looked))
      .map((stone) => (looked === 0 ? missedFor(stone, lagMs) : stone));
    await closeTrial(engine, holding, isSure ? [] : stones);
    if (stuck === undefined) return added.result;
    const left = { zone: value.zone, name: value.name, value: value.value, reason: reasonOf(stuck) };
    told({ left });
    return { error: asFailure(stuck), ...added.result, left };
  } finally {
    holding.leave();
    parts.signal.throwIfAborted();
  }
}

interface Added {
  readonly result: Partial<TrialReport>;
  readonly mayBeThere: boolean;
  readonly made: string | undefined;
}

/** Never rejects: what was added must be removed first. */
const addAndSee = (parts: Parts, value: DnsValue): Promise<Added> =>
  untilAny([parts.signal, parts.holding.lost], (signal) => addAndSeeUntil({ ...parts, signal }, value));

async function addAndSeeUntil(
  { trial, step, hand, holding, told, signal, ...parts }: Parts,
  value: DnsValue,
): Promise<Added> {
  let made: string | undefined;
  try {
    made = await step(
      'add',
      () => unlessElsewhere(parts.asked, value, hand, () => holding.effect(signal, () => trial.add(value, signal))),
      () => `a TXT value at ${value.name} with a TTL of ${value.ttl} s`,
    );
  } catch (error) {
    return { result: { error: asFailure(error) }, mayBeThere: !provesNothingWritten(error), made };
  }
  try {
    const see = () => trial.see(value, (waitsFor) => told({ waitsFor }), signal);
    const { servers, ttl: served } = await step('visible', see, visibleText);
    const ms = Math.max(0, ...servers.map((one) => one.ms));
    const result = { ttl: { sent: value.ttl, served }, visible: { ms, limitMs: hand.timeoutMs, servers } };
    return { result, mayBeThere: true, made };
  } catch (error) {
    return { result: { error: asFailure(error) }, mayBeThere: true, made };
  }
}

interface Removed {
  /** Set if the removal failed. */
  readonly error?: unknown;
  /** Whether the value is certainly gone. */
  readonly isSure: boolean;
}

/** Removes the value within its own time budget. */
async function remove(parts: Parts, value: DnsValue, { result, made }: Added): Promise<Removed> {
  const { engine, trial, step, holding, told } = parts;
  const { type, traits } = parts.hand;
  if (traits.keepsLast !== undefined) {
    const words = `nothing: the service keeps the last ${traits.keepsLast} values of a name, and removes none`;
    await step(
      'remove',
      async () => undefined,
      () => words,
    );
    return { isSure: true };
  }
  const usualMs = traits.cleanupBudgetMs ?? cleanupBudgetMs;
  const budgetMs = parts.signal.aborted ? engine.limits.shutdownBudgetMs : usualMs;
  const deadline = engine.clock.deadline(budgetMs, holding.lost);
  const { signal } = deadline;
  let isSure = true;
  try {
    const run = () => holding.effect(signal, () => trial.remove(value, made, signal));
    const isProven = await step('remove', run, (gone) =>
      gone ? 'the API no longer lists it' : 'the API took the removal',
    );
    isSure = isProven || made !== undefined || traits.listLagMs === undefined;
  } catch (error) {
    if (!deadline.expired) return { error, isSure: false };
    const reason = `the removal took longer than ${budgetMs / 1_000} s`;
    const late = fail('dns/failed', { provider: type, name: value.name, reason }, { cause: error });
    return { error: late, isSure: false };
  } finally {
    deadline.done();
  }
  // Slow servers are not an error, and an earlier error is reported first.
  if (result.visible && !parts.signal.aborted) {
    const goneMs = Math.max(2 * result.visible.ms, leastGoneMs);
    const seeGone = () => trial.seeGone(value, goneMs, (waitsFor) => told({ waitsFor }), parts.signal);
    await step('gone', seeGone, goneText).catch((error: unknown) => {
      if (!parts.signal.aborted) told({ waitsFor: reasonOf(error) });
    });
  }
  return { isSure };
}

/** The minimum time that servers get to forget the value. */
const leastGoneMs = 30_000;

const zoneText = ({ name, zone, servers, hand }: TrialTarget): string => {
  const names = new Set(servers.map((server) => server.name)).size;
  const addresses = `${servers.length} address${servers.length === 1 ? '' : 'es'}`;
  const by = hand.solver === undefined ? '' : `, which the solver ${hand.solver} writes`;
  return `${name} is in the zone ${zone}${by}, with ${names} name server${names === 1 ? '' : 's'} at ${addresses}`;
};

function visibleText({ servers }: Sighting): string {
  const last = servers.reduce<Sighting['servers'][number] | undefined>(
    (slowest, one) => (slowest && slowest.ms >= one.ms ? slowest : one),
    undefined,
  );
  const all =
    { 1: 'the only server has it', 2: 'both servers have it' }[servers.length] ??
    `all ${servers.length} servers have it`;
  return last && servers.length > 1 ? `${all}; the last one was ${last.server}` : all;
}

const goneText = (having: readonly string[]): string =>
  having.length === 0 ? 'no server answers with it any more' : `still answered by ${having.join(', ')}`;
