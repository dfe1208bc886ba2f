import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CertfleetError } from '../../src/core/errors/errors.ts';
import { maxDocumentBytes } from '../../src/core/lineage/document-limits.ts';
import { encodeDocument, type Tombstone } from '../../src/core/lineage/lineage.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import type { FakeClock } from '../../src/testing/fake-clock.ts';
import { pki } from '../../src/x509/pki.ts';
import { chains, field, type Lie, lie, lyingHttp, refused, type Seen, served } from '../support/hostile-ca.ts';
import { reconcile } from '../support/passes.ts';
import { createSimulatedWorld, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

/**
 * The engine and its ACME client against a CA that may send anything. Whatever it sends: no crash and no bug, an end
 * within bounded time, every refusal remembered so that the next run sends no other order, small documents, nothing in
 * any text that controls a terminal, no answer for a name that was not ordered, and no broken chain delivered.
 */
const runs = process.env.CERTFLEET_LONG ? 2_000 : 12;
const { signal } = new AbortController();
const names = ['example.com', '*.example.com'];
const dangerous = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** Longer than any wait of a run: ten minutes for a solver, five each for validation and finalize, and a few pauses. */
const longestMs = 40 * 60_000;
const mostRequests = 3_000;

/** Lets time pass while a run waits, and not for long. */
async function inTime<T>(clock: FakeClock, running: Promise<T>): Promise<T> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  running.then(end, end);
  const limit = clock.monotonicMs() + longestMs;
  while (!isOver) {
    await clock.advance(200);
    if (clock.monotonicMs() > limit) throw new Error('it does not end');
  }
  return running;
}

/** Every text in a value; errors by what people see of them. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof CertfleetError) return [value.message, value.hint];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => [key, ...textsIn(one)]);
}

async function play(lies: readonly Lie[]) {
  const seen: Seen = { requests: [], isOver: false };
  const events: Event[] = [];
  const world = await createSimulatedWorld({
    between: (honest) => lyingHttp(honest, lies, seen),
    reporter: { report: (event) => void events.push(event) },
  });
  const { clock } = world;
  const store: Store = {
    ...world.store,
    put: (key, bytes, options) => {
      expect(bytes.length).toBeLessThanOrEqual(maxDocumentBytes);
      return world.store.put(key, bytes, options);
    },
  };
  const presented: string[] = [];
  const solver: Solver = {
    ...world.solver,
    present: (challenge, note, within) => {
      presented.push(challenge.identifier.value);
      expect(challenge.token).toMatch(/^[\w-]{1,256}$/);
      return world.solver.present(challenge, note, within);
    },
  };
  const deployer: Deployer = {
    ...world.deployer,
    activate: (version, ...more) => {
      const { certificates } = pki.readChain(version.fullchainPem);
      expect(pki.brokenChain(certificates, '', clock.now())).toBeUndefined();
      expect(certificates.join('')).toBe(version.fullchainPem);
      return world.deployer.activate(version, ...more);
    },
  };
  let pid = 0;
  const run = async (): Promise<Outcome> => {
    const before = seen.requests.length;
    pid += 1;
    const engine = world.replica(pid, { store, solver, deployer });
    const [outcome] = await inTime(clock, reconcile(engine, [job(simulatedSpec('abc', names))], signal));
    if (!outcome) throw new Error('no outcome');
    expect(seen.requests.length - before).toBeLessThan(mostRequests);
    return outcome;
  };
  const ordered = () => seen.requests.filter(({ url }) => new URL(url).pathname === '/new-order').length;
  return { clock, world, seen, events, presented, run, ordered };
}

async function check(lies: readonly Lie[]): Promise<Outcome> {
  const { clock, world, seen, events, presented, run, ordered } = await play(lies);
  let first: Outcome | undefined;
  for (let day = 0; day < 2; day += 1) {
    const outcome = await run();
    first ??= outcome;
    const lineage = await world.readLineage();
    const texts = textsIn([outcome, events, lineage]);
    expect(texts.filter((text) => dangerous.test(text) || text.length >= 20_000)).toEqual([]);
    if (outcome.result === 'failed') {
      expect(outcome.error.code).not.toBe('bug/unexpected');
      expect(lineage?.failure).toMatchObject({ code: outcome.error.code });
      expect(Date.parse(lineage!.failure!.retryAt)).toBeGreaterThan(clock.now().getTime());
      expect(lineage?.work?.lease).toBeUndefined();
      // Nobody waits: the next run sends nothing.
      const before = ordered();
      expect(await run()).toMatchObject({ result: 'unchanged' });
      expect(ordered()).toBe(before);
      expect(world.txt).toEqual(new Set());
    } else expect(['issued', 'renewed', 'unchanged', 'deployed']).toContain(outcome.result);
    await clock.advance(9 * 24 * 3_600_000);
  }
  // Nothing that it sent is in the way once it is honest.
  seen.isOver = true;
  await run();
  await clock.advance(9 * 24 * 3_600_000);
  await run();
  expect((await world.readLineage())?.current).toBeDefined();
  for (const name of presented) expect(names).toContain(name);
  return first!;
}

const letters = '\x1b]0;\u202e'.repeat(700);
const subproblems = Array.from({ length: 100 }, () => ({ type: 'x', detail: `\u202e\x1b[2J${'x'.repeat(2_500)}` }));
const harmlessChains = ['two leaves', 'a private key behind it', 'dirty comments', 'a megabyte of comments'];

describe('what a hostile CA has tried', () => {
  const urls = Array.from({ length: 5_000 }, (_, n) => `https://ca.test/authorization/${n}`);
  const [victim, local] = [{ type: 'dns', value: 'victim.test' }, 'http://169.254.169.254/'];
  it.each<readonly [what: string, lie: Lie, code: string]>([
    ['a big problem document', refused('/new-order', 403, { type: 'compound', subproblems }), 'acme/problem'],
    [
      'a big problem document to finalize',
      refused('/finalize/', 403, { detail: letters, subproblems }),
      'acme/problem',
    ],
    ['a name that was not ordered', field('/authorization/', ['identifier'], victim), 'acme/malformed-answer'],
    ['five thousand authorizations', field('/new-order', ['authorizations'], urls), 'acme/malformed-answer'],
    [
      'a URL with a line break',
      field('/new-order', ['finalize'], 'https://ca.test/\n\x1b[2J'),
      'acme/malformed-answer',
    ],
    [
      'a URL of 100,000 characters',
      field('/new-order', ['finalize'], urls[0] + 'x'.repeat(1e5)),
      'acme/malformed-answer',
    ],
    ['a URL inside', field('/new-order', ['finalize'], local), 'acme/malformed-answer'],
    ['terms of service that move the cursor', field('/directory', ['meta', 'termsOfService'], letters), 'issued'],
    ['a profile that moves the cursor', field('/directory', ['meta', 'profiles'], { [letters]: letters }), 'issued'],
    ['a thousand issuers', served('a thousand issuers'), 'acme/malformed-answer'],
    ...Object.keys(chains)
      .filter((name) => name !== 'a thousand issuers' && !harmlessChains.includes(name))
      .map((name) => [name, served(name), 'acme/wrong-certificate'] as const),
  ])('%s', async (_what, one, code) => {
    const outcome = await check([one]);
    expect(outcome.result === 'failed' ? outcome.error.code : outcome.result).toBe(code);
  });

  it.each(['the leaf alone', 'an unrelated certificate behind it', 'a damaged signature'])(
    'keeps the version before in use: %s',
    async (name) => {
      const { clock, world, run } = await play([{ ...served(name), skip: 1 }]);
      expect(await run()).toMatchObject({ result: 'issued' });
      const before = await world.readLineage();
      await clock.advance(89 * 24 * 3_600_000);
      expect(await run()).toMatchObject({ result: 'failed', error: { code: 'acme/wrong-certificate' } });
      const after = await world.readLineage();
      expect(after?.current).toEqual(before?.current);
      expect(after?.deployments).toEqual(before?.deployments);
      expect(world.delivered).toEqual([before?.current?.id]);
    },
  );
});

it('a refusal is remembered in a document that is full', async () => {
  const { clock, world, run, ordered } = await play([]);
  expect(await run()).toMatchObject({ result: 'issued' });
  await clock.advance(89 * 24 * 3_600_000);
  await world.editLineage((lineage) => {
    const stone = { type: 'dns-01', identifier: 'example.com', thumbprint: 'x', looked: 0 } as const;
    const closedAt = clock.now().toISOString();
    const tombstones = Array.from({ length: 3_000 }, (_, n): Tombstone => ({ ...stone, token: `t${n}`, closedAt }));
    // Room for the lease, and for nothing else.
    let tooMuch = encodeDocument({ ...lineage, tombstones }).length - (maxDocumentBytes - 400);
    while (tooMuch > 0) tooMuch -= `,${JSON.stringify(tombstones.pop())}`.length;
    return { ...lineage, tombstones };
  });
  const before = ordered();
  expect(await run()).toMatchObject({ result: 'failed', error: { code: 'solver/too-much-left' } });
  const lineage = await world.readLineage();
  expect(lineage?.failure).toMatchObject({ code: 'solver/too-much-left', count: 1 });
  expect(await run()).toMatchObject({ result: 'unchanged', failing: true });
  expect(ordered()).toBe(before);
});

describe('a CA that may send anything', () => {
  it('gets its refusals remembered, and does no harm', async () => {
    const results = new Map<string, number>();
    const shown = fc.array(lie, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(shown, async (lies) => {
        const outcome = await check(lies);
        const key = outcome.result === 'failed' ? outcome.error.code : outcome.result;
        results.set(key, (results.get(key) ?? 0) + 1);
      }),
      { numRuns: runs },
    );
    // The lies are not all refused at the door.
    expect(results.size).toBeGreaterThan(1);
  }, 3_600_000);
});
