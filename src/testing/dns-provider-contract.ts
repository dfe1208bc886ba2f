import assert from 'node:assert/strict';
import { createTurnsByKey } from '../core/async/turns.ts';
import { present } from '../core/text/present.ts';
import { createZoneWriter, type ZoneWriter } from '../engine/solvers/zone-writer.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsProvider, DnsProviderTraits, DnsValue } from '../ports/dns-provider.ts';
import {
  assertNoSecret,
  challengeIn,
  cleanUp,
  contractHosts,
  expectAt,
  failure,
  listed,
  never,
  otherDigest,
} from './dns-provider-checks.ts';
import type { FakeClock } from './fake-clock.ts';
import type { TestFunction } from './solver-contract.ts';

/**
 * A DNS provider with its server, new for each test. For a provider with an HTTP API, the server is a fake:
 * `dns-api-bench.ts`.
 */
export interface DnsProviderBench {
  /** As in the provider's definition. */
  readonly traits: DnsProviderTraits;
  /** A zone that the provider may change. */
  readonly zone: string;
  /** A delegated zone below it; undefined if the provider cannot have one. */
  readonly subZone: string | undefined;
  /** Returns a new object with the right credentials, as in another process. */
  connect(): DnsProvider;
  /** Returns a provider whose credentials are refused (a wrong key, HTTP 401). */
  connectRefused(): DnsProvider;
  /** Returns a provider whose server does not respond. */
  connectUnreachable(): DnsProvider;
  /** Returns every TXT value in the zone, read by other means than the provider. */
  values(zone: string): Promise<readonly { readonly name: string; readonly value: string }[]>;
  /** Adds a value, as another program would. */
  plant(value: DnsValue): Promise<void>;
  /** Right and wrong credentials, which must not appear in any error or log line. */
  readonly secrets: readonly string[];
  /** The time of a fake clock passes while a check runs. */
  readonly clock: Clock & Partial<Pick<FakeClock, 'passWhile'>>;
  /**
   * Returns the record for a host (one of {@link contractHosts}), if the service has its own names instead of zones.
   */
  nameOf?(host: string): string;
  /** How long a change may take until `values` shows it, in ms; by default, no time. */
  readonly patienceMs?: number;
  /** Returns every logged line. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** A provider as the engine uses it, under its locks. */
interface Engine extends ZoneWriter, Pick<DnsProvider, 'check'> {
  close(): Promise<void>;
}

const connects = ['connect', 'connectRefused', 'connectUnreachable', 'connectReadOnly', 'connectElsewhere'] as const;
type Connect = (typeof connects)[number];

/** A bench whose providers are used as the engine uses them. */
export type EngineBench<Of extends DnsProviderBench> = Omit<Of, Connect> & {
  readonly [Name in Connect & keyof Of]: Of[Name] extends () => DnsProvider ? () => Engine : (() => Engine) | undefined;
};

/** Wraps the providers of a bench. All objects of one bench share the locks, as those of all processes do. */
function asTheEngine<Of extends DnsProviderBench>(bench: Of): EngineBench<Of> {
  const turns = createTurnsByKey();
  const wrapped = (connect: () => DnsProvider) => (): Engine => {
    const provider = connect();
    const writer = createZoneWriter({
      ...{ provider, traits: bench.traits, clock: bench.clock },
      lock: (resource, signal, change) => turns(resource, () => change(signal), signal),
    });
    const { check } = provider;
    return {
      ...writer,
      ...present({ check: check && ((zone: string, signal: AbortSignal) => check.call(provider, zone, signal)) }),
      close: async () => provider.close?.(),
    };
  };
  const all: Readonly<Partial<Record<Connect, () => DnsProvider>>> = bench;
  return {
    ...bench,
    ...Object.fromEntries(
      connects.map((name) => {
        const connect = all[name];
        return [name, connect && wrapped(connect)];
      }),
    ),
  } as unknown as EngineBench<Of>;
}

/** Runs each check on a separate bench, and searches the log for secrets. */
export const checkWith =
  <Of extends DnsProviderBench>(test: TestFunction, suite: string, make: () => Promise<Of>) =>
  (name: string, run: (bench: EngineBench<Of>) => Promise<void>) =>
    test(`${suite}: ${name}`, async () => {
      const bench = await make();
      try {
        const running = run(asTheEngine(bench));
        await (bench.clock.passWhile?.(running) ?? running);
        assertNoSecret(bench.logged().join('\n'), bench, 'the log');
      } finally {
        await bench.stop();
      }
    });

/**
 * The contract of the port {@link DnsProvider}, for a provider with a real server. A provider with an HTTP API runs
 * `dnsApiContract`, which includes this contract.
 */
export function dnsProviderContract(
  test: TestFunction,
  make: () => Promise<DnsProviderBench & { readonly api?: never }>,
): void {
  runDnsProviderContract(test, make);
}

export function runDnsProviderContract(test: TestFunction, make: () => Promise<DnsProviderBench>): void {
  const check = checkWith(test, 'DNS provider contract', make);

  check('a value is there after append and gone after remove', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench, 'www');
    const made = await provider.add(value, never());
    await expectAt(bench, value, [value.value]);
    await provider.remove(value, made, never());
    await expectAt(bench, value, [value.value], [value.value]);
    await provider.close();
  });

  check('append returns a short text or undefined', async (bench) => {
    const made = await bench.connect().add(challengeIn(bench, 'www'), never());
    assert.ok(made === undefined || (typeof made === 'string' && made.length <= 200));
  });

  check('appending twice leaves one value, also from another process', async (bench) => {
    const value = challengeIn(bench, 'www');
    await bench.connect().add(value, never());
    await listed(bench);
    await bench.connect().add(value, never());
    await expectAt(bench, value, [value.value]);
  });

  check('a value with blanks and semicolons, as of dns-persist-01', async (bench) => {
    // A service that keeps only the last values has no permanent records.
    if (bench.traits.keepsLast !== undefined) return;
    const provider = bench.connect();
    const account = 'https://acme-v02.api.letsencrypt.org/acme/acct/1234567890';
    const record = `letsencrypt.org; accounturi=${account}; policy=wildcard; persistUntil=1798761600`;
    const value = { ...challengeIn(bench, 'www'), value: record };
    await provider.add(value, never());
    await listed(bench);
    await bench.connect().add(value, never());
    await expectAt(bench, value, [record]);
    await listed(bench);
    await provider.remove(value, undefined, never());
    await expectAt(bench, value, [record], [record]);
  });

  check('two values can share a name: apex and wildcard', async (bench) => {
    const provider = bench.connect();
    const apex = challengeIn(bench, '');
    const wildcard = { ...apex, value: otherDigest };
    const [made] = await Promise.all([provider.add(apex, never()), provider.add(wildcard, never())]);
    await expectAt(bench, apex, [apex.value, wildcard.value]);
    await provider.remove(apex, made, never());
    await expectAt(bench, apex, [apex.value, wildcard.value], [apex.value]);
  });

  check('two objects change one name at once, as in two processes', async (bench) => {
    const [one, other] = [bench.connect(), bench.connect()];
    const value = challengeIn(bench, 'www');
    const second = { ...value, value: otherDigest };
    const made = await Promise.all([one.add(value, never()), other.add(second, never())]);
    await expectAt(bench, value, [value.value, second.value]);
    await Promise.all([one.remove(value, made[0], never()), other.remove(second, made[1], never())]);
    await expectAt(bench, value, [value.value, second.value], [value.value, second.value]);
  });

  check('values at many names at once', async (bench) => {
    const provider = bench.connect();
    const values = Array.from({ length: 8 }, (_, at) => challengeIn(bench, `n${at}`));
    const made = await Promise.all(values.map((value) => provider.add(value, never())));
    for (const value of values) await expectAt(bench, value, [value.value]);
    await Promise.all(values.map((value, at) => provider.remove(value, made[at], never())));
    for (const value of values) await expectAt(bench, value, [value.value], [value.value]);
  });

  check('remove works without the result of append, in another process', async (bench) => {
    const value = challengeIn(bench, 'www');
    await bench.connect().add(value, never());
    await listed(bench);
    await bench.connect().remove(value, undefined, never());
    await expectAt(bench, value, [value.value], [value.value]);
  });

  check('remove works with what an earlier append returned', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench, 'www');
    const stale = await provider.add(value, never());
    await provider.remove(value, stale, never());
    await listed(bench);
    await provider.add(value, never());
    await listed(bench);
    await provider.remove(value, stale, never());
    await expectAt(bench, value, [value.value], [value.value]);
  });

  check('removing an absent value succeeds: never added, already removed, at a name with others', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench, 'www');
    await provider.remove(value, undefined, never());
    await expectAt(bench, value, []);
    const made = await provider.add(value, never());
    await provider.remove({ ...value, value: otherDigest }, undefined, never());
    await expectAt(bench, value, [value.value], [otherDigest]);
    await provider.remove(value, made, never());
    await listed(bench);
    await provider.remove(value, made, never());
    await provider.remove(value, undefined, never());
    await expectAt(bench, value, [value.value], [value.value]);
  });

  check('values of others survive, at the name and beside it', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench, 'www');
    const foreign = { ...value, value: "somebody else's" };
    const beside = { ...foreign, name: bench.nameOf?.('n1') ?? `www.${bench.zone}` };
    await bench.plant(foreign);
    await bench.plant(beside);
    await listed(bench);
    const made = await provider.add(value, never());
    await expectAt(bench, value, [foreign.value, value.value]);
    await provider.remove(value, made, never());
    await expectAt(bench, value, [foreign.value, value.value], [value.value]);
    await expectAt(bench, beside, [beside.value]);
  });

  check('the right zone for the apex, a deep name and a delegated zone', async (bench) => {
    const provider = bench.connect();
    const values = [challengeIn(bench, ''), challengeIn(bench, 'a.b.c')];
    if (bench.subZone !== undefined)
      values.push(challengeIn(bench, '', bench.subZone), challengeIn(bench, 'www', bench.subZone));
    for (const value of values) await provider.add(value, never());
    for (const value of values) await expectAt(bench, value, [value.value]);
    await listed(bench);
    for (const value of values) await provider.remove(value, undefined, never());
    for (const value of values) await expectAt(bench, value, [value.value], [value.value]);
  });

  check('refused credentials blame the configuration, and change nothing', async (bench) => {
    const provider = bench.connectRefused();
    const value = challengeIn(bench, 'www');
    const calls: Promise<unknown>[] = [provider.add(value, never())];
    // A service that cannot remove values gets no such call.
    if (bench.traits.keepsLast === undefined) calls.push(provider.remove(value, undefined, never()));
    for (const error of await Promise.all(calls.map((call) => failure(call, bench)))) {
      assert.equal(error.code, 'dns/refused');
      assert.equal(error.blame, 'config');
    }
    await expectAt(bench, value, []);
  });

  check('a server that does not answer is dns/unreachable', async (bench) => {
    const error = await failure(bench.connectUnreachable().add(challengeIn(bench, 'www'), never()), bench);
    assert.equal(error.code, 'dns/unreachable');
    assert.equal(error.retry, 'later');
  });

  check('an aborted signal is obeyed before anything changes', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench, 'www');
    const reason = new Error('stopped');
    const stopped = AbortSignal.abort(reason);
    await assert.rejects(provider.add(value, stopped), (error) => error === reason);
    await expectAt(bench, value, []);
    await provider.add(value, never());
    await assert.rejects(provider.remove(value, undefined, stopped), (error) => error === reason);
    await expectAt(bench, value, [value.value]);
  });

  check('abort in the middle rejects with its reason, and cleaning up still works', async (bench) => {
    const provider = bench.connect();
    const value = challengeIn(bench, 'www');
    const stopping = new AbortController();
    const reason = new Error('stopped');
    const call = provider.add(value, stopping.signal);
    stopping.abort(reason);
    // If it was too late to stop, the call has succeeded.
    await call.catch((error: unknown) => assert.equal(error, reason));
    await cleanUp(bench, value);
  });
}
