/**
 * The contract of every DNS provider with an HTTP API, checked on a strict fake of the API. A provider
 * `src/dns/example.ts` uses it as follows:
 *
 * - `src/dns/test-example.ts` has the fake: routes on `createFakeApi` and zones in memory ({@link FakeDnsService}), as
 *   strict as the API's documentation. It exports `default dnsApiBench(provider, { service, options, refused, … })`.
 * - `src/dns/example.test.ts` runs `dnsApiContract(it, bench)`, which includes the contract of the port, and asserts
 *   the requests themselves.
 * - The bench sets `limit` and `refusal` if the service reports limits or refusals in its own way, `isWrite` if it reads
 *   by POST, `lag` if its list lags, and `nameOf` if it has no zones. No check is skipped: the traits describe the
 *   differences.
 *
 * The fake clock's time passes while a check runs. `clock.sleep` in a check or a fake works as usual.
 */

import assert from 'node:assert/strict';
import type { CertfleetError } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { DnsProvider } from '../ports/dns-provider.ts';
import { atEachCall, atSomeCalls, groupAtSomeCalls } from './dns-api-steps.ts';
import {
  challengeIn,
  cleanUp,
  expectAt,
  failure,
  listed,
  never,
  otherDigest,
  valuesAt,
} from './dns-provider-checks.ts';
import { checkWith, type DnsProviderBench, type EngineBench, runDnsProviderContract } from './dns-provider-contract.ts';
import type { FakeAnswer, FakeApi, FakeCall, FakeRequest, Fault } from './fake-api.ts';
import type { FakeClock } from './fake-clock.ts';
import type { TestFunction } from './solver-contract.ts';

/** A provider with a fake of its API. Created by `dnsApiBench`. */
export interface DnsApiBench extends DnsProviderBench {
  readonly api: FakeApi;
  readonly clock: FakeClock;
  /** The names of the options with credentials. An error about wrong credentials names one of them. */
  readonly credentials: readonly string[];
  /** Those of {@link secrets} that are in the options of `connect`. */
  readonly ownSecrets: readonly string[];
  /** Returns a provider whose option `endpoint` is another address, where nothing responds. */
  connectElsewhere(): DnsProvider;
  /** Returns a provider whose credentials can only read, if the service has such. */
  connectReadOnly?(): DnsProvider;
  /** Adds empty zones to the account. */
  addZones(names: readonly string[]): void;
  /** Makes the service's list of records lag from now on. */
  readonly lag: ((ms: number) => void) | undefined;
  /** Reports whether a request changes something; by default, decided by its method. */
  isWrite?(request: FakeRequest): boolean;
  /** Reports whether the provider works without this request, such as a notice. */
  isOptional?(request: FakeRequest): boolean;
  /** The service's response to too many requests, if it is not just a 429 with Retry-After. */
  readonly limit?: {
    fault(retryAfterSeconds: number | undefined): Fault;
    /** Whether the response says when to try again. */
    readonly saysWhen: boolean;
  };
  /** Returns an error with this text in the service's own form. Checked in addition to the usual forms. */
  refusal?(said: string): FakeAnswer;
}

type Bench = EngineBench<DnsApiBench>;
type Provider = ReturnType<Bench['connect']>;

/** The contract of the port, and checks that only a fake allows. */
export function dnsApiContract(test: TestFunction, make: () => Promise<DnsApiBench>): void {
  const strict = async (): Promise<DnsApiBench> => {
    const bench = await make();
    const stop = async () => {
      await bench.stop();
      assert.deepEqual(bench.api.unknown, [], 'requests that the API does not have');
    };
    return { ...bench, stop };
  };
  runDnsProviderContract(test, strict);
  const check = checkWith(test, 'DNS API contract', strict);

  check('check takes the right credentials and the zone, and changes nothing', async (bench) => {
    await checkOf(bench.connect())(bench.zone, never());
    const writes = bench.api.calls.filter(({ request }) => isWrite(bench, request));
    assert.deepEqual(
      writes.map(({ name }) => name),
      [],
    );
  });

  check('wrong credentials, a foreign zone and a lack of rights are three sentences', async (bench) => {
    const zone = 'absent.test';
    const own = challengeIn(bench, 'www');
    const foreign = challengeIn({ ...bench, nameOf: (host) => `_acme-challenge.${host}.${zone}` }, 'www', zone);
    const wrong = [
      await failure(bench.connectRefused().add(own, never()), bench),
      await failure(checkOf(bench.connectRefused())(bench.zone, never()), bench),
    ];
    for (const error of wrong) assertNames(error, bench.credentials);
    const lacking = [await failure(bench.connect().add(foreign, never()), bench)];
    if (bench.nameOf === undefined) lacking.push(await failure(checkOf(bench.connect())(zone, never()), bench));
    for (const error of lacking) assertNames(error, [zone], foreign.name);
    const readOnly = bench.connectReadOnly && (await failure(bench.connectReadOnly().add(own, never()), bench));
    if (readOnly) assertNames(readOnly, bench.credentials);
    const all = [...wrong, ...lacking, ...(readOnly ? [readOnly] : [])];
    assert.deepEqual(
      all.map(({ code }) => code),
      all.map(() => 'dns/refused'),
    );
    const hints = [wrong[0], lacking[0], readOnly].flatMap((error) => (error ? [error.hint] : []));
    assert.equal(new Set(hints).size, hints.length, `the same advice twice: ${hints.join(' | ')}`);
    await expectAt(bench, own, []);
  });

  check('the option endpoint is where the API is', async (bench) => {
    const value = challengeIn(bench, 'www');
    const error = await failure(bench.connectElsewhere().add(value, never()), bench);
    assert.equal(error.code, 'dns/unreachable');
    assert.match(error.message, /127\.0\.0\.1/);
    await expectAt(bench, value, []);
  });

  check('look-alike zones and internationalized ones', async (bench) => {
    const lookAlikes = ['myexample.test', 'example.test.corp', 'xample.test', 'example.tes', 'test', 'a.example.test'];
    const international = 'xn--bcher-kva.test';
    bench.addZones([...lookAlikes, international]);
    for (const zone of bench.nameOf ? [bench.zone] : [bench.zone, international, 'xample.test', 'a.example.test']) {
      const value = challengeIn(bench, 'www', zone);
      const made = await bench.connect().add(value, never());
      await expectAt(bench, value, [value.value]);
      for (const other of lookAlikes) if (other !== zone) assert.deepEqual(await bench.values(other), [], other);
      await bench.connect().remove(value, made, never());
      await expectAt(bench, value, [value.value], [value.value]);
    }
  });

  check('an account with 500 zones', async (bench) => {
    const names = Array.from({ length: 500 }, (_, at) => `${at % 2 === 0 ? 'a' : 'z'}${at}.test`);
    bench.addZones(names);
    for (const zone of bench.nameOf ? [bench.zone] : [bench.zone, names[0]!, names.at(-1)!]) {
      const value = challengeIn(bench, 'www', zone);
      const before = bench.api.calls.length;
      await bench.connect().add(value, never());
      await expectAt(bench, value, [value.value]);
      await listed(bench);
      await cleanUp(bench, value);
      assert.ok(bench.api.calls.length - before < 60, `${bench.api.calls.length - before} calls`);
    }
  });

  check('a zone with 300 other values, some at the same name, some the same at similar names', async (bench) => {
    const value = challengeIn(bench, 'www');
    const similar = [`x${value.name}`, `_acme-challenge.www2.${bench.zone}`, `_acme-challenge.ww.${bench.zone}`];
    const others = [
      // An inexact search finds these first.
      ...Array.from({ length: 300 }, (_, at) => ({ ...value, name: `h${at}.${value.name}`, value: `v${at}` })),
      ...similar.map((name) => ({ ...value, name })),
    ];
    if (bench.nameOf === undefined) for (const other of others) await bench.plant(other);
    const here = bench.traits.keepsLast === undefined ? texts : texts.slice(0, 1);
    for (const text of here) await bench.plant({ ...value, value: text });
    await listed(bench);
    await bench.connect().add(value, never());
    await expectAt(bench, value, [...here, value.value]);
    await listed(bench);
    await bench.connect().remove(value, undefined, never());
    await expectAt(bench, value, [...here, value.value], [value.value]);
    if (bench.nameOf) return;
    const left = (await bench.values(bench.zone)).filter(({ name }) => name !== value.name);
    assert.deepEqual(left.map(({ name }) => name).toSorted(), others.map(({ name }) => name).toSorted());
  });

  check('waits for a limit that is short', async (bench) => {
    await atSomeCalls(bench, limitsOf(bench), async ({ hit, change, expected }, { fault, saysWhen }) => {
      hit(fault(2));
      const began = bench.clock.monotonicMs();
      await change();
      assert.ok(!saysWhen || bench.clock.monotonicMs() - began >= 2_000, 'it did not wait');
      await expected();
    });
  });

  check('a limit that lasts is dns/limited, with the time if the service says it', async (bench) => {
    const limits = limitsOf(bench).flatMap((limit) => [3_600, undefined].map((seconds) => ({ ...limit, seconds })));
    await atSomeCalls(bench, limits, async ({ hitAll, change, callsBefore }, { fault, saysWhen, seconds }) => {
      hitAll(fault(seconds));
      const began = bench.clock.monotonicMs();
      const error = await failure(change(), bench);
      const wrote = hasWritten(bench, callsBefore());
      assert.equal(error.code, wrote ? 'dns/failed' : 'dns/limited');
      const inMs = error.retryAt && error.retryAt.getTime() - bench.clock.now().getTime();
      if (seconds !== undefined && saysWhen) assert.ok(Math.abs((inMs ?? 0) - seconds * 1000) < 5_000, `${inMs}`);
      else assert.equal(error.retryAt, undefined);
      assert.ok(bench.clock.monotonicMs() - began < 180_000, 'it waited too long');
    });
  });

  check('after a write, no error says that nothing was written', async (bench) => {
    await atSomeCalls(bench, refusalsOf(bench), async ({ hitAll, change, isRemoval, callsBefore, expected }, fault) => {
      hitAll(fault);
      const error = await change().then(
        () => undefined,
        (thrown: unknown) => failure(Promise.reject(thrown), bench),
      );
      // A removal that is refused at its second step may be complete, and so may an addition.
      if (error === undefined) return expected();
      const wrote = hasWritten(bench, callsBefore());
      if (wrote) assert.match(error.code, /^dns\/(failed|bad-answer)$/, `${isRemoval}: ${error.message}`);
    });
    // Values that a service keeps cannot be cleaned up between two attempts.
    if (bench.traits.keepsLast !== undefined) return;
    await groupAtSomeCalls(bench, refusalsOf(bench), async ({ hitAll, add }, fault) => {
      hitAll(fault);
      for (const { value, error } of await add()) {
        if (error === undefined) continue;
        const isThere = (await valuesAt(bench, value)).includes(value.value);
        const { code } = await failure(Promise.reject(error), bench);
        if (isThere) assert.match(code, /^dns\/(failed|bad-answer)$/, `${value.name} is there`);
      }
    });
  });

  check('a service that is broken is dns/failed, with a hint about nothing else', async (bench) => {
    await atSomeCalls(bench, broken, async ({ hitAll, change }, fault) => {
      hitAll(fault);
      const error = await failure(change(), bench);
      assertBroken(error, bench);
    });
  });

  check('after one broken answer, the same call leads to the same end', async (bench) => {
    await atSomeCalls(bench, broken, async ({ hit, change, again, expected }, fault) => {
      hit(fault);
      await change().catch(async (error) => assertBroken(await failure(Promise.reject(error), bench), bench));
      await again();
      await expected();
    });
  });

  check('an empty object is no list', async (bench) => {
    await atSomeCalls(bench, [{}], async ({ hitAll, change, expected }, body) => {
      hitAll({ kind: 'status', status: 200, body }, (request) => !isWrite(bench, request));
      const error = await change().then(
        () => undefined,
        (thrown: unknown) => failure(Promise.reject(thrown), bench),
      );
      if (error) assertBroken(error, bench);
      else await expected();
    });
  });

  check('an answer that nests without end is an ordinary failure', async (bench) => {
    const answers = [
      [200, ''],
      [400, '"no"'],
    ] as const;
    await atSomeCalls(bench, answers, async ({ hitAll, change }, [status, inside]) => {
      hitAll({ kind: 'status', status, body: `${'['.repeat(50_000)}${inside}${']'.repeat(50_000)}` });
      await change().catch(async (thrown) => {
        const error = await failure(Promise.reject(thrown), bench);
        assert.match(error.code, /^dns\//, error.message);
      });
    });
  });

  check('after an answer that was lost, the same call leads to the same end', async (bench) => {
    // Tries every case for each provider, since a sample may miss the one call after which a value is left.
    await atEachCall(bench, [{ kind: 'lost' } as const], async ({ hit, change, again, expected }, fault) => {
      hit(fault);
      await change().catch(async (thrown) => {
        const error = await failure(Promise.reject(thrown), bench);
        assert.match(error.code, /^dns\/(unreachable|failed)$/);
      });
      await again();
      await expected();
    });
  });

  check('a list that lags', async (bench) => {
    const lagMs = bench.traits.listLagMs ?? 0;
    assert.ok(lagMs === 0 || bench.lag !== undefined, 'the fake has no `lag`, although the trait `listLagMs` is there');
    bench.lag?.(lagMs);
    const value = challengeIn(bench, 'www');
    const made = await bench.connect().add(value, never());
    await bench.connect().remove(value, made, never());
    // Cleaning up needs either the journalled result or a second look.
    if (made === undefined) await cleanUp(bench, value);
    await expectAt(bench, value, [value.value], [value.value]);
    await listed(bench);
    await bench.connect().add(value, never());
    await bench.connect().add(value, never());
    assert.deepEqual([...new Set(await valuesAt(bench, value))], [value.value]);
    await bench.connect().remove(value, undefined, never());
    await cleanUp(bench, value);
  });

  check('abort during any call, and while it waits for a limit', async (bench) => {
    const faults: readonly Fault[] = [{ kind: 'hang' }, { kind: 'limited', retryAfter: 30 }];
    await atSomeCalls(bench, faults, async ({ hit, change, again, expected }, fault) => {
      const stopping = new AbortController();
      const reason = new Error('stopped');
      hit(fault, () => void bench.clock.sleep(5_000, never()).then(() => stopping.abort(reason)));
      await assert.rejects(change(stopping.signal), (error) => error === reason);
      await again();
      await expected();
    });
  });

  check('no more calls at once and a minute than the service allows', async (bench) => {
    const { maxConcurrent, perMinute } = bench.traits;
    const provider = bench.connect();
    const values = Array.from({ length: 20 }, (_, at) => challengeIn(bench, `n${at}`));
    const made = await Promise.all(values.map((value) => provider.add(value, never())));
    for (const value of values) await expectAt(bench, value, [value.value]);
    await Promise.all(values.map((value, at) => provider.remove(value, made[at], never())));
    for (const value of values) await expectAt(bench, value, [value.value], [value.value]);
    assert.ok(bench.api.mostAtOnce <= maxConcurrent, `${bench.api.mostAtOnce} calls at once`);
    if (perMinute === undefined) return;
    const writes = bench.api.calls.filter(({ request }) => isWrite(bench, request)).map(({ atMs }) => atMs);
    const each = await writesOfOne(bench);
    for (const from of writes) {
      const many = writes.filter((at) => at >= from && at < from + 60_000).length;
      assert.ok(many <= perMinute * each, `${many} changes in a minute`);
    }
  });

  check('no secret is in an error or log line, even if the API repeats the whole request', async (bench) => {
    const faults: Fault[] = [200, 400, 401, 403, 404, 409, 429, 500].map((status) => ({ kind: 'echo', status }));
    for (const part of ['url', 'headers', 'body'] as const) {
      faults.push({ kind: 'echo', part });
      if (bench.refusal) faults.push({ kind: 'echo', part, answer: bench.refusal });
    }
    await atSomeCalls(bench, faults, async ({ hitAll, change }, fault) => {
      hitAll(fault);
      await change().catch((error) => failure(Promise.reject(error), bench));
    });
  });
}

/** Texts of other programs, which must survive reading and rewriting a set. */
const texts = [
  'v=spf1 include:_spf.example.com ~all',
  'a "quoted" text; with \\ and , and ünïcode',
  `v=DKIM1; k=rsa; p=${'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIB'.repeat(9)}`,
];

const broken: readonly Fault[] = [
  { kind: 'html' },
  { kind: 'html', status: 200 },
  { kind: 'status', status: 500, body: { message: 'internal error' } },
  { kind: 'status', status: 503 },
];

function assertBroken(error: CertfleetError, bench: Bench): void {
  assert.match(error.code, /^dns\/(failed|bad-answer)$/, error.message);
  const words = [...bench.credentials, 'TSIG', 'token', 'credential', 'permission'];
  const wrong = words.find((word) => error.hint.toLowerCase().includes(word.toLowerCase()));
  assert.equal(wrong, undefined, `a hint about something else: ${error.hint}`);
}

/** @param besides a name that contains the words, which does not count */
function assertNames({ message, hint }: CertfleetError, words: readonly string[], besides = ''): void {
  const text = `${message} ${hint}`;
  const rest = besides === '' ? text : text.replaceAll(besides, '');
  assert.ok(
    words.some((word) => rest.includes(word)),
    `names none of ${words.join(', ')}: ${text}`,
  );
}

const limitsOf = (bench: Bench): readonly NonNullable<DnsApiBench['limit']>[] => [
  {
    fault: (retryAfter) => ({ kind: 'limited', ...present({ retryAfter }) }),
    saysWhen: true,
  },
  ...(bench.limit ? [bench.limit] : []),
];

/** Returns the possible responses of a service to the second step of a change. */
const refusalsOf = (bench: Bench): readonly Fault[] => [
  { kind: 'status', status: 403, body: { message: 'not allowed' } },
  ...(bench.refusal ? [{ kind: 'status', ...bench.refusal('not allowed') } as const] : []),
  ...limitsOf(bench).map(({ fault }) => fault(undefined)),
  { kind: 'unreachable' },
];

function checkOf({ check }: Provider): NonNullable<DnsProvider['check']> {
  assert.ok(check, 'a provider with an API has `check`');
  return check;
}

const isWrite = (bench: Bench, request: FakeRequest): boolean =>
  bench.isWrite?.(request) ?? !['GET', 'HEAD', 'OPTIONS'].includes(request.method);

const hasWritten = (bench: Bench, calls: readonly FakeCall[]): boolean =>
  calls.some(({ request, result }) => isWrite(bench, request) && typeof result === 'number' && result < 300);

async function writesOfOne(bench: Bench): Promise<number> {
  const value = { ...challengeIn(bench, 'www'), value: otherDigest };
  const before = bench.api.calls.length;
  await bench.connect().add(value, never());
  const calls = bench.api.calls.slice(before);
  return Math.max(1, calls.filter(({ request }) => isWrite(bench, request)).length);
}
