import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { CertfleetError } from '../core/errors/errors.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import type { DnsProviderBench, EngineBench } from './dns-provider-contract.ts';

/** The hosts that the contract uses. */
export const contractHosts: readonly string[] = [
  '',
  'www',
  'a.b.c',
  ...Array.from({ length: 20 }, (_, at) => `n${at}`),
];

// As long as a real value: base64url of 32 bytes (RFC 8555 §8.4).
const digest = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
export const otherDigest = 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM';

type Names = Pick<DnsProviderBench, 'traits' | 'zone' | 'nameOf'>;

export const challengeIn = (bench: Names, host: string, zone = bench.zone): DnsValue => ({
  zone,
  name: bench.nameOf?.(host) ?? `_acme-challenge.${host === '' ? '' : `${host}.`}${zone}`,
  value: digest,
  ttl: Math.max(60, bench.traits.minTtl),
});

type Read = Pick<DnsProviderBench, 'traits' | 'values' | 'clock' | 'patienceMs'>;

export async function valuesAt(bench: Read, { zone, name }: DnsValue): Promise<readonly string[]> {
  const values = (await bench.values(zone)).filter((one) => one.name === name).map((one) => one.value);
  // A service that keeps a fixed number of values stores a value twice if it was sent twice.
  return [...(bench.traits.keepsLast === undefined ? values : new Set(values))].sort();
}

/** Checks the values at a name after these were added, in this order, and then these removed. */
export async function expectAt(
  bench: Read,
  at: DnsValue,
  added: readonly string[],
  removed: readonly string[] = [],
): Promise<void> {
  const { keepsLast } = bench.traits;
  const left = keepsLast === undefined ? added.filter((one) => !removed.includes(one)) : added.slice(-keepsLast);
  const wanted = left.toSorted();
  const began = bench.clock.monotonicMs();
  let seen = await valuesAt(bench, at);
  while (seen.join('\n') !== wanted.join('\n') && bench.clock.monotonicMs() - began < (bench.patienceMs ?? 0)) {
    await bench.clock.sleep(5_000, never());
    seen = await valuesAt(bench, at);
  }
  assert.deepEqual(seen, wanted, at.name);
}

/** Waits until the provider's own list shows a change. */
export const listed = async ({ traits, clock }: Pick<DnsProviderBench, 'traits' | 'clock'>): Promise<void> => {
  if (traits.listLagMs !== undefined) await clock.sleep(traits.listLagMs, never());
};

/** Removes a value that may exist, as the engine does after a crash. */
export async function cleanUp(bench: EngineBench<DnsProviderBench>, value: DnsValue): Promise<void> {
  await listed(bench);
  await bench.connect().remove(value, undefined, never());
  await listed(bench);
  if (bench.traits.keepsLast === undefined) return expectAt(bench, value, []);
  const left = await valuesAt(bench, value);
  assert.ok(left.length <= bench.traits.keepsLast, `${left.length} values are left`);
}

export const never = (): AbortSignal => new AbortController().signal;

type Secrets = Pick<DnsProviderBench, 'secrets'>;

/**
 * Returns the error of a call that must fail. Checks that it is a CertfleetError without secrets, also in its causes.
 */
export async function failure(call: Promise<unknown>, bench: Secrets): Promise<CertfleetError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CertfleetError)) assert.fail(`not a CertfleetError: ${inspect(error)}`);
  assertNoSecret(spelledOut(error), bench, 'the error');
  return error;
}

/** Returns the whole content of an error and its causes, except their stacks, which repeat the messages. */
function spelledOut(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error, { depth: 12 });
  const { name, message, cause } = error;
  return `${name}: ${message} ${inspect({ ...error }, { depth: 12 })} ${cause === undefined ? '' : spelledOut(cause)}`;
}

/** Checks that a text contains no secret, neither as it is, nor as encoded in a URL, JSON or base64. */
export function assertNoSecret(text: string, { secrets }: Secrets, where: string): void {
  const decoded = (text.match(/[A-Za-z0-9+/_-]{8,}/g) ?? []).map((run) => atob64(run));
  const seen = [text, ...decoded].join('\n');
  for (const secret of secrets)
    for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
      assert.ok(!seen.includes(form), `a secret is in ${where}`);
}

const atob64 = (run: string): string => Buffer.from(run, 'base64url').toString('latin1');
