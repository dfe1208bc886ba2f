import assert from 'node:assert/strict';
import { CertfleetError } from '../core/errors.ts';
import type { DnsProvider, DnsValue } from '../ports/dns-provider.ts';
import type { TestFunction } from './solver-contract.ts';

/** A DNS provider on the real server, or on a faithful fake of its API, made afresh for each test. */
export interface DnsProviderBench {
  /** A zone that the provider may change. */
  readonly zone: string;
  /** A second one below it, with a zone cut between; undefined where the provider cannot have one. */
  readonly subZone: string | undefined;
  /** A new object with the right credentials, as another process would have it. */
  connect(): DnsProvider;
  /** One whose credentials are refused (a wrong key, HTTP 401). */
  connectRefused(): DnsProvider;
  /** One that nobody answers. */
  connectUnreachable(): DnsProvider;
  /** Every TXT value in the zone, by another way than the provider's. */
  values(zone: string): Promise<readonly { readonly name: string; readonly value: string }[]>;
  /** Adds a value as somebody else would. */
  plant(value: DnsValue): Promise<void>;
  /** What must appear in no error and no log line: credentials, right and wrong ones. */
  readonly secrets: readonly string[];
  /** Every line that was logged. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** The contract of the port {@link DnsProvider}, run by every provider. */
export function dnsProviderContract(test: TestFunction, make: () => Promise<DnsProviderBench>): void {
  const check = (name: string, run: (bench: DnsProviderBench) => Promise<void>) =>
    test(`DNS provider contract: ${name}`, async () => {
      const bench = await make();
      try {
        await run(bench);
        const log = bench.logged().join('\n');
        for (const secret of bench.secrets) assert.ok(!log.includes(secret), 'a secret is in the log');
      } finally {
        await bench.stop();
      }
    });

  check('a value is there after append and gone after remove', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const made = await provider.append(value, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
    await provider.remove(value, made, never());
    assert.deepEqual(await valuesAt(bench, value), []);
    await provider.close?.();
  });

  check('what append answers is text and stays small', async (bench) => {
    const made = await bench.connect().append(challengeIn(bench.zone, 'www'), never());
    assert.ok(made === undefined || (typeof made === 'string' && made.length <= 200));
  });

  check('append twice is one value, also from another process', async (bench) => {
    const value = challengeIn(bench.zone, 'www');
    await bench.connect().append(value, never());
    await bench.connect().append(value, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
  });

  check('two values live together at one name: apex and wildcard', async (bench) => {
    const provider = bench.connect();
    const apex = challengeIn(bench.zone, '');
    const wildcard = { ...apex, value: otherDigest };
    const [made] = await Promise.all([provider.append(apex, never()), provider.append(wildcard, never())]);
    assert.deepEqual(await valuesAt(bench, apex), [apex.value, wildcard.value].sort());
    await provider.remove(apex, made, never());
    assert.deepEqual(await valuesAt(bench, apex), [wildcard.value]);
  });

  check('values at many names at once', async (bench) => {
    const provider = bench.connect();
    const values = Array.from({ length: 8 }, (_, at) => challengeIn(bench.zone, `n${at}`));
    await Promise.all(values.map((value) => provider.append(value, never())));
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), [value.value]);
    await Promise.all(values.map((value) => provider.remove(value, undefined, never())));
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('remove without what append answered, in another process', async (bench) => {
    const value = challengeIn(bench.zone, 'www');
    await bench.connect().append(value, never());
    await bench.connect().remove(value, undefined, never());
    assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('removing what is absent is fine: never there, gone already, at a name with others', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    await provider.remove(value, undefined, never());
    const made = await provider.append(value, never());
    await provider.remove({ ...value, value: otherDigest }, undefined, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
    await provider.remove(value, made, never());
    await provider.remove(value, made, never());
    assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('foreign values survive, at the name and beside it', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const foreign = { ...value, value: 'somebody else’s'.replace('’', "'") };
    const beside = { ...foreign, name: `www.${bench.zone}` };
    await bench.plant(foreign);
    await bench.plant(beside);
    const made = await provider.append(value, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value, foreign.value].sort());
    await provider.remove(value, made, never());
    assert.deepEqual(await valuesAt(bench, value), [foreign.value]);
    assert.deepEqual(await valuesAt(bench, beside), [beside.value]);
  });

  check('the right zone for the apex, a deep name and a delegated zone', async (bench) => {
    const provider = bench.connect();
    const values = [challengeIn(bench.zone, ''), challengeIn(bench.zone, 'a.b.c')];
    if (bench.subZone !== undefined) values.push(challengeIn(bench.subZone, ''), challengeIn(bench.subZone, 'www'));
    for (const value of values) await provider.append(value, never());
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), [value.value], value.name);
    for (const value of values) await provider.remove(value, undefined, never());
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), [], value.name);
  });

  check('refused credentials blame the configuration, and change nothing', async (bench) => {
    const provider = bench.connectRefused();
    const value = challengeIn(bench.zone, 'www');
    for (const call of [provider.append(value, never()), provider.remove(value, undefined, never())]) {
      const error = await failure(call, bench);
      assert.equal(error.code, 'dns/refused');
      assert.equal(error.blame, 'config');
    }
    assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('nobody there is dns/unreachable', async (bench) => {
    const error = await failure(bench.connectUnreachable().append(challengeIn(bench.zone, 'www'), never()), bench);
    assert.equal(error.code, 'dns/unreachable');
    assert.equal(error.retry, 'later');
  });

  check('abort is honoured before anything is changed', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const reason = new Error('stopped');
    const stopped = AbortSignal.abort(reason);
    await assert.rejects(provider.append(value, stopped), (error) => error === reason);
    assert.deepEqual(await valuesAt(bench, value), []);
    await provider.append(value, never());
    await assert.rejects(provider.remove(value, undefined, stopped), (error) => error === reason);
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
  });

  check('abort in the middle rejects with its reason, and cleaning up still works', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const stopping = new AbortController();
    const reason = new Error('stopped');
    const call = provider.append(value, stopping.signal);
    stopping.abort(reason);
    // It may have been too late to stop: then it has simply succeeded.
    await call.catch((error: unknown) => assert.equal(error, reason));
    await bench.connect().remove(value, undefined, never());
    assert.deepEqual(await valuesAt(bench, value), []);
  });
}

// As long as a real one: base64url of 32 bytes (RFC 8555 §8.4).
const digest = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const otherDigest = 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM';

const challengeIn = (zone: string, host: string): DnsValue => ({
  zone,
  name: `_acme-challenge.${host === '' ? '' : `${host}.`}${zone}`,
  value: digest,
});

const valuesAt = async (bench: DnsProviderBench, { zone, name }: DnsValue): Promise<readonly string[]> =>
  (await bench.values(zone))
    .filter((one) => one.name === name)
    .map((one) => one.value)
    .sort();

const never = (): AbortSignal => new AbortController().signal;

/** The error of a call that must fail: one for people, without a secret in it or underneath. */
async function failure(call: Promise<unknown>, bench: DnsProviderBench): Promise<CertfleetError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CertfleetError, `not a CertfleetError: ${String(error)}`);
  let text = '';
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    text += `${at.message} ${at.stack ?? ''} ${JSON.stringify(at)} `;
  for (const secret of bench.secrets) assert.ok(!text.includes(secret), 'a secret is in the error');
  return error;
}
