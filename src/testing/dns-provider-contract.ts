import assert from 'node:assert/strict';
import { CertfleetError } from '../core/errors.ts';
import { createTurnsByKey } from '../core/turns.ts';
import { createZoneWriter, type ZoneWriter } from '../engine/solvers/zone-writer.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsProvider, DnsProviderTraits, DnsValue } from '../ports/dns-provider.ts';
import type { TestFunction } from './solver-contract.ts';

/** A DNS provider with the real server, or with a strict fake of its API, new for each test. */
export interface DnsProviderBench {
  /** As in the provider's definition. */
  readonly traits: DnsProviderTraits;
  /** A zone that the provider may change. */
  readonly zone: string;
  /** A delegated zone below it; undefined if the provider cannot have one. */
  readonly subZone: string | undefined;
  /** A new object with the right credentials, as in another process. */
  connect(): DnsProvider;
  /** One whose credentials are refused (a wrong key, HTTP 401). */
  connectRefused(): DnsProvider;
  /** One whose server does not answer. */
  connectUnreachable(): DnsProvider;
  /** Every TXT value in the zone, read by other means than the provider. */
  values(zone: string): Promise<readonly { readonly name: string; readonly value: string }[]>;
  /** Adds a value, as another program would. */
  plant(value: DnsValue): Promise<void>;
  /** Right and wrong credentials, which must not appear in any error or log line. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  /** Every line that was logged. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** A provider as the engine uses it, under its locks. */
interface Engine extends ZoneWriter {
  close(): Promise<void>;
}

type Bench = Omit<DnsProviderBench, 'connect' | 'connectRefused' | 'connectUnreachable'> &
  Readonly<Record<'connect' | 'connectRefused' | 'connectUnreachable', () => Engine>>;

/** All objects of one bench share the locks, as those of all processes do. */
function asTheEngine(bench: DnsProviderBench): Bench {
  const turns = createTurnsByKey();
  const wrapped = (connect: () => DnsProvider) => (): Engine => {
    const provider = connect();
    const writer = createZoneWriter({
      ...{ provider, traits: bench.traits, clock: bench.clock },
      lock: (resource, signal, change) => turns(resource, () => change(signal), signal),
    });
    const enough = (value: DnsValue) => ({ ...value, ttl: Math.max(value.ttl, bench.traits.minTtl) });
    return {
      add: (value, signal) => writer.add(enough(value), signal),
      remove: (value, made, signal) => writer.remove(enough(value), made, signal),
      close: async () => provider.close?.(),
    };
  };
  return {
    ...bench,
    connect: wrapped(() => bench.connect()),
    connectRefused: wrapped(() => bench.connectRefused()),
    connectUnreachable: wrapped(() => bench.connectUnreachable()),
  };
}

/** The contract of the port {@link DnsProvider}. Every provider runs it. */
export function dnsProviderContract(test: TestFunction, make: () => Promise<DnsProviderBench>): void {
  const check = (name: string, run: (bench: Bench) => Promise<void>) =>
    test(`DNS provider contract: ${name}`, async () => {
      const bench = await make();
      try {
        await run(asTheEngine(bench));
        const log = bench.logged().join('\n');
        for (const secret of bench.secrets) assert.ok(!log.includes(secret), 'a secret is in the log');
      } finally {
        await bench.stop();
      }
    });

  check('a value is there after append and gone after remove', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const made = await provider.add(value, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
    await provider.remove(value, made, never());
    assert.deepEqual(await valuesAt(bench, value), []);
    await provider.close();
  });

  check('append returns a short text or undefined', async (bench) => {
    const made = await bench.connect().add(challengeIn(bench.zone, 'www'), never());
    assert.ok(made === undefined || (typeof made === 'string' && made.length <= 200));
  });

  check('appending twice leaves one value, also from another process', async (bench) => {
    const value = challengeIn(bench.zone, 'www');
    await bench.connect().add(value, never());
    await bench.connect().add(value, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
  });

  check('two values can share a name: apex and wildcard', async (bench) => {
    const provider = bench.connect();
    const apex = challengeIn(bench.zone, '');
    const wildcard = { ...apex, value: otherDigest };
    const [made] = await Promise.all([provider.add(apex, never()), provider.add(wildcard, never())]);
    assert.deepEqual(await valuesAt(bench, apex), [apex.value, wildcard.value].sort());
    await provider.remove(apex, made, never());
    assert.deepEqual(await valuesAt(bench, apex), [wildcard.value]);
  });

  check('values at many names at once', async (bench) => {
    const provider = bench.connect();
    const values = Array.from({ length: 8 }, (_, at) => challengeIn(bench.zone, `n${at}`));
    await Promise.all(values.map((value) => provider.add(value, never())));
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), [value.value]);
    await Promise.all(values.map((value) => provider.remove(value, undefined, never())));
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('remove works without the result of append, in another process', async (bench) => {
    const value = challengeIn(bench.zone, 'www');
    await bench.connect().add(value, never());
    await bench.connect().remove(value, undefined, never());
    assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('removing an absent value succeeds: never added, already removed, at a name with others', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    await provider.remove(value, undefined, never());
    const made = await provider.add(value, never());
    await provider.remove({ ...value, value: otherDigest }, undefined, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
    await provider.remove(value, made, never());
    await provider.remove(value, made, never());
    assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('values of others survive, at the name and beside it', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const foreign = { ...value, value: 'somebody else’s'.replace('’', "'") };
    const beside = { ...foreign, name: `www.${bench.zone}` };
    await bench.plant(foreign);
    await bench.plant(beside);
    const made = await provider.add(value, never());
    assert.deepEqual(await valuesAt(bench, value), [value.value, foreign.value].sort());
    await provider.remove(value, made, never());
    assert.deepEqual(await valuesAt(bench, value), [foreign.value]);
    assert.deepEqual(await valuesAt(bench, beside), [beside.value]);
  });

  check('the right zone for the apex, a deep name and a delegated zone', async (bench) => {
    const provider = bench.connect();
    const values = [challengeIn(bench.zone, ''), challengeIn(bench.zone, 'a.b.c')];
    if (bench.subZone !== undefined) values.push(challengeIn(bench.subZone, ''), challengeIn(bench.subZone, 'www'));
    for (const value of values) await provider.add(value, never());
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), [value.value], value.name);
    for (const value of values) await provider.remove(value, undefined, never());
    for (const value of values) assert.deepEqual(await valuesAt(bench, value), [], value.name);
  });

  check('refused credentials blame the configuration, and change nothing', async (bench) => {
    const provider = bench.connectRefused();
    const value = challengeIn(bench.zone, 'www');
    for (const call of [provider.add(value, never()), provider.remove(value, undefined, never())]) {
      const error = await failure(call, bench);
      assert.equal(error.code, 'dns/refused');
      assert.equal(error.blame, 'config');
    }
    assert.deepEqual(await valuesAt(bench, value), []);
  });

  check('a server that does not answer is dns/unreachable', async (bench) => {
    const error = await failure(bench.connectUnreachable().add(challengeIn(bench.zone, 'www'), never()), bench);
    assert.equal(error.code, 'dns/unreachable');
    assert.equal(error.retry, 'later');
  });

  check('an aborted signal is obeyed before anything changes', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const reason = new Error('stopped');
    const stopped = AbortSignal.abort(reason);
    await assert.rejects(provider.add(value, stopped), (error) => error === reason);
    assert.deepEqual(await valuesAt(bench, value), []);
    await provider.add(value, never());
    await assert.rejects(provider.remove(value, undefined, stopped), (error) => error === reason);
    assert.deepEqual(await valuesAt(bench, value), [value.value]);
  });

  check('abort in the middle rejects with its reason, and cleaning up still works', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench.zone, 'www');
    const stopping = new AbortController();
    const reason = new Error('stopped');
    const call = provider.add(value, stopping.signal);
    stopping.abort(reason);
    // If it was too late to stop, the call has succeeded.
    await call.catch((error: unknown) => assert.equal(error, reason));
    await bench.connect().remove(value, undefined, never());
    assert.deepEqual(await valuesAt(bench, value), []);
  });
}

// As long as a real value: base64url of 32 bytes (RFC 8555 §8.4).
const digest = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const otherDigest = 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM';

const challengeIn = (zone: string, host: string): DnsValue => ({
  zone,
  name: `_acme-challenge.${host === '' ? '' : `${host}.`}${zone}`,
  value: digest,
  ttl: 60,
});

const valuesAt = async (bench: Bench, { zone, name }: DnsValue): Promise<readonly string[]> =>
  (await bench.values(zone))
    .filter((one) => one.name === name)
    .map((one) => one.value)
    .sort();

const never = (): AbortSignal => new AbortController().signal;

/** The error of a call that must fail, checked to be a CertfleetError without secrets, also in its causes. */
async function failure(call: Promise<unknown>, bench: Bench): Promise<CertfleetError> {
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
