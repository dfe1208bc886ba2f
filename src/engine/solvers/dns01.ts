import { noteRemoval } from '../../core/async/writes.ts';
import { txtNameOf } from '../../core/ca/txt-name.ts';
import { fail } from '../../core/errors/errors.ts';
import { keptIn } from '../../core/lineage/kept-records.ts';
import { baseName } from '../../core/names/identifier.ts';
import type { Hop } from '../../core/request-path/hop.ts';
import { isToken, toBase64url } from '../../core/text/encoding.ts';
import type { Json } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { DnsValue } from '../../ports/dns-provider.ts';
import type { Solver, SolverChallenge } from '../../ports/solver.ts';
import { createDnsPersist01, type PersistSolver } from './dns-persist01.ts';
import { describeDns01 } from './dns01-path.ts';
import { createVisibility, longestWait, type VisibilityOptions } from './visibility.ts';
import { createZoneChecks } from './zone-checks.ts';
import { createHands, type Hand, type Hands, type HolderOptions, unlessElsewhere, zonesOf } from './zone-holders.ts';

export interface Dns01Options extends HolderOptions, Omit<VisibilityOptions, 'hands'> {
  /** `dns-01` by default. With `dns-persist-01`, `dns-01` is answered where the CA does not offer it. */
  readonly challenge?: 'dns-01' | 'dns-account-01' | 'dns-persist-01';
  /** How long a new dns-persist-01 record is valid. The default is for ever. */
  readonly persistMs?: number | undefined;
  /** SHA-256, passed in because this layer may not import it from Node. */
  readonly sha256: (data: string | Uint8Array) => Uint8Array;
}

/**
 * Creates the solver for DNS-01 (RFC 8555 §8.4) with any DNS provider. Zone cuts, CNAME delegation, turns at the
 * provider and the check of every authoritative server are implemented only here.
 */
export function createDns01(options: Dns01Options): Solver {
  const { dns, clock, log, challenge: type = 'dns-01' } = options;
  const nameOf = (challenge: SolverChallenge) => txtNameOf(challenge, options.sha256);
  const zones = zonesOf(options);
  const hands = createHands(options);
  const visibility = createVisibility({ ...options, zones, hands });
  const checks = createZoneChecks({ zones, hands, clock });
  const { refuseToHide, mayWrite } = checks;

  /** Returns a challenge's TXT record, from its receipt or by another lookup. */
  async function recordOf(
    challenge: SolverChallenge,
    receipt: Json | undefined,
    signal: AbortSignal,
  ): Promise<Written> {
    // RFC 8555 §8.4
    const value = toBase64url(options.sha256(challenge.keyAuthorization));
    const known = readReceipt(receipt);
    const { token, keyAuthorization } = challenge;
    const more = { value, challenge: { domain: baseName(challenge.identifier), token, keyAuthorization } };
    // A receipt with another value belongs to another challenge.
    const target = known?.value === value ? known : await zones.resolveChain(nameOf(challenge), signal);
    return { ...target, ...more, ttl: hands.of(target.zone).ttl };
  }

  const solver: Solver = {
    type: 'dns01',
    answers: [type],
    // `ready` itself gives up after `timeoutMs` and names the missing server; the engine must wait for that.
    readyBudgetMs: longestWait(hands) + 60_000,
    ...longestCleanup(hands),

    async preflight(identifier, signal, account) {
      // The record's name is unknown before there is an account.
      if (type === 'dns-account-01' && account?.url === undefined) return;
      const name = txtNameOf({ type, identifier, accountUrl: account?.url }, options.sha256);
      const target = await zones.resolveChain(name, signal);
      await refuseToHide(target, signal);
      await unlessElsewhere(name, target, hands.of(target.zone), () => mayWrite(target.zone, signal));
    },

    async describePath(identifier, signal, account) {
      if (type === 'dns-account-01' && account?.url === undefined) return { hops: [noAccount] };
      const name = txtNameOf({ type, identifier, accountUrl: account?.url }, options.sha256);
      const { isIgnored } = visibility;
      return describeDns01({ hands, zones, dns, clock, isIgnored, refuseToHide }, name, signal);
    },

    async present(challenge, _note, signal) {
      if (!isToken(challenge.token))
        throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
      const receipt = await recordOf(challenge, undefined, signal);
      await refuseToHide(receipt, signal);
      const hand = hands.of(receipt.zone);
      const made = await unlessElsewhere(nameOf(challenge), receipt, hand, () => hand.writer.add(receipt, signal));
      log.debug(`added a TXT value at ${receipt.name} in the zone ${receipt.zone}`);
      const { zone, name, value } = receipt;
      return made === undefined ? { zone, name, value } : { zone, name, value, made };
    },

    async ready(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      return visibility.look(value, nameOf(challenge), signal);
    },

    async cleanup(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      visibility.forget(value);
      const removal = await hands.of(value.zone).writer.remove(value, value.made, signal);
      noteRemoval(removal, signal);
      const done = removal === 'absent' ? 'found no TXT value to remove' : 'removed a TXT value';
      log.debug(`${done} at ${value.name} in the zone ${value.zone}`);
    },

    placeOf(challenge, receipt) {
      const value = toBase64url(options.sha256(challenge.keyAuthorization));
      const known = readReceipt(receipt);
      return placeText({ name: known?.value === value ? known.name : nameOf(challenge), value });
    },

    mayMissForMs({ keyAuthorization }, receipt) {
      const known = readReceipt(receipt);
      const own = known?.value === toBase64url(options.sha256(keyAuthorization)) ? known : undefined;
      if (own) return mayMissForMs(hands.of(own.zone), own);
      const lags = hands.all.flatMap((hand) => mayMissForMs(hand, undefined) ?? []);
      return lags.length > 0 ? Math.max(...lags) : undefined;
    },

    async close() {
      for (const { provider } of hands.all) await provider.close?.();
    },
  };
  if (type !== 'dns-persist-01') return solver;
  return withPersist(solver, createDnsPersist01({ ...options, ...checks, zones, hands, visibility }));
}

/** Combines the solvers: dns-persist-01 where the CA offers it, and DNS-01 elsewhere. */
function withPersist(dns01: Solver, persist: PersistSolver): Solver {
  const of = ({ type }: SolverChallenge) => (type === 'dns-persist-01' ? persist : dns01);
  return {
    ...dns01,
    answers: ['dns-persist-01', 'dns-01'],
    preflight: (identifier, signal) => persist.preflight(identifier, signal),
    present: (challenge, note, signal) => of(challenge).present(challenge, note, signal),
    ready: (challenge, receipt, signal) => of(challenge).ready(challenge, receipt, signal),
    cleanup: (challenge, receipt, signal) => of(challenge).cleanup(challenge, receipt, signal),
    placeOf(challenge, receipt) {
      if (of(challenge) === dns01) return dns01.placeOf?.(challenge, receipt);
      return receipt ? placeText(keptIn(receipt)) : undefined;
    },
    mayMissForMs: (challenge, receipt) =>
      of(challenge) === dns01 ? dns01.mayMissForMs?.(challenge, receipt) : undefined,
  };
}

const placeText = ({ name, value }: Pick<DnsValue, 'name' | 'value'>): string => `TXT ${name} ${value}`;

function longestCleanup({ all }: Hands): Pick<Solver, 'cleanupBudgetMs'> {
  const budgets = all.flatMap(({ traits }) => traits.cleanupBudgetMs ?? []);
  return budgets.length === 0 ? {} : { cleanupBudgetMs: Math.max(...budgets) };
}

/** Returns for how long a removal may miss an added value, because the list lags. A single value is found by its ID. */
const mayMissForMs = (
  { provider, traits }: Pick<Hand, 'provider' | 'traits'>,
  receipt: Receipt | undefined,
): number | undefined =>
  !receipt || (provider.kind === 'values' && receipt.made === undefined) ? traits.listLagMs : undefined;

interface Receipt extends Omit<DnsValue, 'ttl'> {
  readonly made?: string;
}

type Written = DnsValue & Receipt;

function readReceipt(receipt: Json | undefined): Receipt | undefined {
  if (typeof receipt !== 'object' || receipt === null || Array.isArray(receipt)) return undefined;
  const { zone, name, value, made } = receipt as { readonly [key: string]: Json };
  if (typeof zone !== 'string' || typeof name !== 'string' || typeof value !== 'string') return undefined;
  return { zone, name, value, ...present({ made: typeof made === 'string' ? made : undefined }) };
}

const noAccount: Hop = {
  at: 'zone',
  state: 'cannot-tell',
  finding: 'the name of the TXT record depends on the URL of the account, and there is no account yet',
  advice: 'Run `certfleet issue` once, which opens the account.',
};
