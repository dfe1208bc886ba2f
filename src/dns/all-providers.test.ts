import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandLine, jsonLines } from '../../test/support/command-line.ts';
import { isLong, sampled, seeded } from '../../test/support/seeded.ts';
import { optionFields } from '../config/registry/option-fields.ts';
import { environmentName } from '../config/registry/registry.ts';
import type { CertfleetError } from '../core/errors/errors.ts';
import { testLocks } from '../engine/locks/test-locks.ts';
import { createDns01 } from '../engine/solvers/dns01.ts';
import { createZones } from '../engine/zones/zone.ts';
import { registry } from '../generated/registry.ts';
import type { SolverChallenge } from '../ports/solver.ts';
import type { DnsApiBench } from '../testing/dns-api-contract.ts';
import { assertNoSecret, challengeIn, failure } from '../testing/dns-provider-checks.ts';
import { endlessList } from '../testing/endless-list.ts';
import type { FakeAnswer } from '../testing/fake-api.ts';
import { fakeDns } from '../testing/fake-dns.ts';
import { sampleOf } from '../testing/sample.ts';
import { withoutPart } from '../testing/without-part.ts';

// What holds for every provider. Each of them also passes `dnsApiContract` in its own test.

/** Providers that call no HTTP API, and what their tests run against. */
const withoutApi: Readonly<{ [id: string]: string }> = {
  acmesh: 'an installed acme.sh, in test/real',
  cloudxns: 'nothing: the service is closed, and it answers with a sentence',
  manual: 'a person at a terminal',
  rfc2136: 'BIND, Knot and PowerDNS, in test/real',
};

const folder = new URL('.', import.meta.url);
const files = readdirSync(folder);
const fakes = files.flatMap((file) => /^test-(.*)\.ts$/.exec(file)?.[1] ?? []).filter((id) => id in registry.dns);
const benchOf = async (id: string): Promise<DnsApiBench> => (await import(`./test-${id}.ts`)).default();

describe.each(Object.values(registry.dns))('$id', ({ id, load }) => {
  it('says where a key comes from, and how it was tested', async () => {
    const definition = await load();
    const { title, notes, tested, homepage, apiDocs } = definition;
    const links = Object.hasOwn(withoutApi, id) ? [] : [homepage, apiDocs];
    for (const text of [title, notes, tested, ...links]) expect(text?.trim()).toBeTruthy();
    expect(title.length).toBeLessThan(60);
    expect(definition.traits.minTtl).toBeGreaterThanOrEqual(0);
    expect(definition.traits.maxConcurrent).toBeGreaterThan(0);
  });

  it('takes its options from a file, from anywhere, under the names of other clients', async () => {
    const fields = optionFields((await load()).options);
    for (const { title, description } of fields) expect(`${title}${description}`).not.toMatch(/TODO|undefined/);
    const variables = fields.flatMap(({ name, aliases }) => [environmentName(id, name), ...aliases]);
    expect(variables.filter((name, at) => variables.indexOf(name) !== at)).toEqual([]);
    if (Object.hasOwn(withoutApi, id)) return;
    expect(fields.find(({ name }) => name === 'credentials')?.credentials).toBeDefined();
    expect(fields.map(({ name }) => name)).toContain('endpoint');
    expect(fields.flatMap(({ aliases }) => aliases).length).toBeGreaterThan(0);
  });

  it('passes the battery on a fake of its API', () => {
    if (Object.hasOwn(withoutApi, id)) return expect(withoutApi[id]).toBeTruthy();
    const test = readFileSync(new URL(`${id}.test.ts`, folder), 'utf8');
    expect(test.includes('dnsApiContract('), `${id}.test.ts runs dnsApiContract`).toBe(true);
  });
});

it.each(fakes)('shows no secret that the API of %s plants in an answer, in no form of output', async (id) => {
  const probe = await benchOf(id);
  const said = probe.ownSecrets.join(' ');
  expect(said).not.toBe('');
  const planted = [...[200, 400, 403, 404, 429, 500].map(inUsualPlaces(said)), text(said), probe.refusal?.(said)];
  const byCode = new Map<string, CertfleetError>();
  const answers = planted.filter((one) => one !== undefined);
  const cases = answers.flatMap((answer) => [0, 2].map((after) => ({ answer, after })));
  // A refusal of the first call is an error of every provider.
  const plain = { answer: inUsualPlaces(said)(403), after: 0 };
  for (const { answer, after } of [plain, ...sampleOf(cases, Math.ceil(answers.length / 3))]) {
    const bench = await benchOf(id);
    for (const error of await errorsOf(bench, answer, after)) byCode.set(error.code, error);
    assertNoSecret(bench.logged().join('\n'), bench, 'the log');
  }
  expect(byCode.size).toBeGreaterThan(0);
  for (const error of byCode.values()) {
    const { fleet, env } = { fleet: { tryDns: () => ({ ...trial, error }) }, env: server };
    const run = (...flags: string[]) =>
      commandLine({ env, fleet }).run('dns', 'test', 'rfc2136', 'example.test', ...flags);
    const json = await run('--json', '--verbose');
    for (const done of [await run('--verbose'), json]) {
      expect(`${done.stdout}${done.stderr}`).toContain(error.code === 'dns/refused' ? 'refused' : '');
      assertNoSecret(`${done.stdout}${done.stderr}`, probe, 'the output');
    }
    expect(jsonLines(json)).toContainEqual(expect.objectContaining({ event: 'run.finished' }));
  }
});

describe.each([
  ['always leads to another page', false],
  ['leads to the same page again', true],
])('a list that %s', (what, isSame) => {
  const source = (path: string) => readFileSync(new URL(path, folder), 'utf8');
  const clients: Readonly<Record<string, string>> = {
    dnspod: '../clients/dnspod/dnspod.ts',
    route53: '../clients/aws/route53.ts',
    westcn: '../clients/westcn.ts',
  };
  // A page does not say where the next one is if the client counts pages or entries.
  const pages = isSame ? /readPages(?!.*\boffset\b)/s : /readPages|numberedPages/;
  const hasPages = (id: string) => pages.test(source(clients[id] ?? `./${id}.ts`));

  // A quarter of the providers, or all in a long run.
  const ids = fakes.filter(hasPages);
  it.each(sampled(ids, Math.ceil(ids.length / 4), what))('ends with an error at %s', async (id) => {
    const bench = await benchOf(id);
    const { signal } = new AbortController();
    const value = challengeIn(bench, 'www');
    await bench.plant(value);
    const isWrite = bench.isWrite ?? (({ method }) => method !== 'GET');
    bench.api.fault(endlessList(isSame), { times: 10_000, on: (request) => !isWrite(request) });
    const provider = bench.connect();
    const change = { name: value.name, add: [], remove: [value.value], before: undefined, after: [], ttl: value.ttl };
    const remove = async () => {
      if (provider.kind === 'values') return provider.remove(value, undefined, signal);
      if (provider.read) await provider.read(bench.zone, [value.name], signal);
      else await provider.write(bench.zone, [change], signal);
    };
    const error = await bench.clock.passWhile(remove()).then(
      () => undefined,
      (thrown: unknown) => failure(Promise.reject(thrown), bench),
    );
    expect(`${error?.code}: ${error?.message}`).toMatch(
      /dns\/failed: .*(its list has more than|leads back to an earlier page)/,
    );
    expect(bench.api.calls.length).toBeLessThan(210);
  });
});

/** One part of twelve, or all in a long run. */
const partStep = isLong ? 1 : 12;
const firstPart = (id: string): number => Math.floor(seeded(id)() * partStep);

it.each(fakes)('%s: an answer that lacks a part is the service’s fault, never a bug', async (id) => {
  for (let at = firstPart(id), parts = Number.POSITIVE_INFINITY; at < parts; at += partStep) {
    const bench = await benchOf(id);
    const lack = withoutPart(at);
    bench.api.fault(lack.fault, { times: 10_000 });
    await bench.plant(challengeIn(bench, 'www'));
    await errorsOf(bench, undefined);
    parts = lack.parts();
  }
});

const day = 86_400_000;
it.each(fakes)('%s: a clean-up never waits for a list that lags', async (id) => {
  const bench = await benchOf(id);
  const { traits, zone, clock } = bench;
  if (traits.listLagMs === undefined) return;
  const budgetMs = traits.cleanupBudgetMs ?? 30_000;
  bench.lag?.(Math.max(traits.listLagMs, budgetMs));
  const dns = fakeDns({ [zone]: { servers: { [`ns.${zone}`]: ['192.0.2.1'] } } }, clock);
  const solver = createDns01({
    ...{ provider: bench.connect(), type: id, traits, locks: testLocks(clock), dns, clock },
    sha256: (data) => createHash('sha256').update(data).digest(),
    log: { debug() {}, info() {}, warn() {} },
    zones: createZones({ dns, clock, resolvers: [dns.resolver] }),
  });
  const identifier = { type: 'dns', value: `www.${zone}` } as const;
  const challenge: SolverChallenge = {
    ...({ type: 'dns-01', identifier, token: 'token', keyAuthorization: 'token.thumbprint', lineage: 'test' } as const),
    ...{ allIdentifiers: [identifier], remaining: 0 },
  };
  const { signal } = new AbortController();
  const cleanUp = async (): Promise<number> => {
    const began = clock.monotonicMs();
    await clock.passWhile(solver.cleanup(challenge, undefined, signal));
    return clock.monotonicMs() - began;
  };
  // The value is added, and no answer comes.
  const isWrite = bench.isWrite ?? (({ method }) => method !== 'GET');
  bench.api.fault({ kind: 'lost' }, { times: 2, on: (request) => isWrite(request) });
  await clock.passWhile(solver.present(challenge, async () => {}, signal)).catch(() => {});
  expect(await cleanUp()).toBeLessThan(budgetMs / 2);
  expect(solver.mayMissForMs?.(challenge, undefined)).toBe(traits.listLagMs);
  await clock.passWhile(clock.sleep(day, signal));
  bench.lag?.(0);
  await cleanUp();
  await clock.passWhile(clock.sleep(day, signal));
  expect(await bench.values(zone)).toEqual([]);
});

const server = {
  CERTFLEET_RFC2136_SERVER: '192.0.2.53',
  CERTFLEET_RFC2136_KEY_NAME: 'acme',
  CERTFLEET_RFC2136_SECRET: 'c2VjcmV0',
};
const trial = {
  steps: [],
  traits: { writes: 'value', minTtl: 60, maxConcurrent: 4 },
  zone: 'example.test',
  name: '_acme-challenge.example.test',
  ttl: { sent: 60 },
} as const;

/** The errors of each call while the API answers so, if that is given, after some good answers. */
async function errorsOf(
  bench: DnsApiBench,
  answer: FakeAnswer | undefined,
  after = 0,
): Promise<readonly CertfleetError[]> {
  const { signal } = new AbortController();
  const value = challengeIn(bench, 'www');
  let seen = 0;
  if (answer) bench.api.fault({ kind: 'status', ...answer }, { times: 1_000, on: () => ++seen > after });
  const provider = bench.connect();
  const change = { name: value.name, add: [value.value], remove: [], after: [value.value], ttl: value.ttl };
  const calls = [
    () => provider.check!(bench.zone, signal),
    ...(provider.kind === 'values'
      ? [() => provider.append(value, signal), () => provider.remove(value, undefined, signal)]
      : [
          async () => provider.read?.(bench.zone, [value.name], signal),
          () => provider.write(bench.zone, [{ ...change, before: undefined }], signal),
        ]),
  ];
  const errors: CertfleetError[] = [];
  for (const call of calls)
    await bench.clock.passWhile<unknown>(call()).catch(async (error: unknown) => {
      errors.push(await failure(Promise.reject(error), bench));
    });
  return errors;
}

const text = (said: string): FakeAnswer => ({ status: 400, headers: { 'content-type': 'text/html' }, body: said });

/** A text wherever some API has its words, codes and ids. */
const inUsualPlaces =
  (said: string) =>
  (status: number): FakeAnswer => {
    const words = {
      ...{ code: said, Code: said, message: said, Message: said, detail: said, title: said, description: said },
      ...{
        requestId: said,
        RequestId: said,
        request_id: said,
        error_code: said,
        error_msg: said,
        error_description: said,
      },
    };
    const inner = { Error: words, RequestId: said };
    return {
      status,
      headers: { 'x-request-id': said },
      body: {
        ...words,
        ...{ success: false, error: words, errors: [words], Response: inner, ResponseMetadata: inner, result: null },
        status: { code: '-1', message: said },
      },
    };
  };
