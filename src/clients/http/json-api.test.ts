import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { neverArrived } from '../../core/errors/unsent.ts';
import { createFakeApi, type Fault } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { balancerError } from './balancer-errors.ts';
import {
  type ApiCall,
  cleaned,
  createJsonApi,
  isRefusal,
  readFields,
  readList,
  readString,
  refusalOf,
} from './json-api.ts';

const never = new AbortController().signal;
const token = new Secret('tell-nobody-0123456789');

function bench({ auto = true } = {}) {
  const clock = fakeClock(undefined, { auto });
  const lines: string[] = [];
  const items = new Set<string>();
  const fake = createFakeApi({
    clock,
    origin: 'https://api.test',
    authorize: ({ headers }) =>
      headers['authorization'] === `Bearer ${token.reveal()}`
        ? undefined
        : { status: 401, body: { error: 'bad token' } },
    routes: {
      'GET /items/:name': ({ params }) =>
        items.has(params['name']!) ? { status: 200, body: { name: params['name'] } } : { status: 404 },
      'POST /items': (request) => {
        items.add((request.json() as { name: string }).name);
        return { status: 201, body: { name: 'made' } };
      },
    },
  });
  const log = { debug: (line: string) => void lines.push(line), info: () => {}, warn: () => {} };
  const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
  const counted: string[] = [];
  const api = createJsonApi({
    http: fake.http,
    clock,
    random,
    log,
    name: 'slb',
    error: (trouble) => balancerError('slb', trouble),
    onCall: (what) => void counted.push(what),
  });
  let built = 0;
  const call = (more: Partial<ApiCall<string>> = {}, signal: AbortSignal = never) =>
    api.call<string>({
      what: 'AddItem',
      build: () => {
        built += 1;
        return {
          method: 'POST',
          url: `https://api.test/items?token=${token.reveal()}`,
          headers: { authorization: `Bearer ${token.reveal()}`, 'x-try': String(built) },
          body: JSON.stringify({ name: 'a' }),
        };
      },
      read: (answer) => readString(readFields(answer.body, 'the object'), 'name'),
      readsOnly: false,
      secrets: [token],
      signal,
      ...more,
    });
  const read: Partial<ApiCall<string>> = {
    readsOnly: true,
    what: 'GetItem',
    build: () => ({
      method: 'GET',
      url: 'https://api.test/items/a',
      headers: { authorization: `Bearer ${token.reveal()}` },
    }),
  };
  return { clock, fake, items, lines, counted, call, read, api, built: () => built };
}

const failure = async (promise: Promise<unknown>): Promise<CertfleetError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CertfleetError)) throw new Error(`not a CertfleetError: ${inspect(error)}`);
  return error;
};

describe('createJsonApi', () => {
  it('reads a good answer and counts the call', async () => {
    const { call, items, counted, fake } = bench();
    expect(await call()).toBe('made');
    expect([...items]).toEqual(['a']);
    expect(counted).toEqual(['AddItem']);
    expect(fake.unknown).toEqual([]);
  });

  const limits: readonly (readonly [string, Fault, number | undefined])[] = [
    ['a short Retry-After', { kind: 'limited', retryAfter: 7 }, 7_000],
    ['no Retry-After', { kind: 'limited' }, 1_000],
    ['a Retry-After of 0', { kind: 'limited', retryAfter: 0 }, 250],
    ['a date', { kind: 'limited', retryAfter: 'Tue, 24 Nov 2026 12:00:09 GMT' }, 9_000],
  ];
  it.each(limits)('waits for a limit with %s, and builds the call anew', async (_name, fault, waitMs) => {
    const { call, fake, clock, built, items } = bench();
    fake.fault(fault);
    expect(await call()).toBe('made');
    expect(clock.sleeps).toEqual([waitMs]);
    expect(built()).toBe(2);
    expect([...items]).toEqual(['a']);
  });

  it('fails at once, with the time, if the limit lasts longer than the budget', async () => {
    const { call, fake, clock, items } = bench();
    fake.fault({ kind: 'limited', retryAfter: 3_600 });
    const error = await failure(call());
    expect(error).toMatchObject({
      code: 'balancer/limited',
      retry: 'at',
      retryAt: new Date('2026-11-24T13:00:00Z'),
      message: 'slb is not accepting more calls at the moment (AddItem): too many requests',
    });
    expect(clock.sleeps).toEqual([]);
    expect([...items]).toEqual([]);
  });

  it('gives up a limit without a time when the budget is spent, with growing pauses', async () => {
    const { call, fake, clock } = bench();
    fake.fault({ kind: 'limited' }, { times: 99 });
    const error = await failure(call());
    expect(error).toMatchObject({ code: 'balancer/limited', retry: 'later', retryAt: undefined });
    expect(clock.sleeps).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]);
  });

  const ends: readonly (readonly [string, Fault, string, string])[] = [
    ['a 5xx', { kind: 'status', status: 500, body: {} }, 'balancer/failed', 'HTTP 500'],
    ['a page of a proxy', { kind: 'html' }, 'balancer/failed', 'HTTP 502 (text/html)'],
    ['a portal', { kind: 'html', status: 200 }, 'balancer/failed', 'HTTP 200 (text/html), not what the API answers'],
    [
      'a redirect',
      { kind: 'status', status: 302, headers: { location: 'https://evil.test/' } },
      'balancer/failed',
      'HTTP 302, which leads to https://evil.test/',
    ],
    [
      'an answer without its field',
      { kind: 'status', status: 200, body: {} },
      'balancer/failed',
      'name is missing in its answer',
    ],
    ['a refusal', { kind: 'status', status: 403, body: {} }, 'balancer/refused', 'HTTP 403'],
    [
      'a refusal in its own words',
      { kind: 'status', status: 400, body: { errors: [{ code: 7, message: 'Invalid\nname.' }] } },
      'balancer/refused',
      'Invalid name',
    ],
    ['a lost answer', { kind: 'lost' }, 'balancer/unreachable', 'api.test: the connection was closed'],
  ];
  it.each(ends)('does not repeat a change after %s', async (_name, fault, code, reason) => {
    const { call, fake } = bench();
    fake.fault(fault);
    const error = await failure(call());
    expect(error.code).toBe(code);
    expect(error.message).toContain(`AddItem: ${reason}`);
    expect(neverArrived(error)).toBe(false);
    expect(fake.count()).toBe(1);
  });

  it('repeats a call that only reads, and a change that was never sent', async () => {
    const { call, read, fake, items, counted } = bench();
    items.add('a');
    fake.fault({ kind: 'lost' });
    fake.fault({ kind: 'html' });
    expect(await call(read)).toBe('a');
    fake.fault({ kind: 'unreachable' }, { times: 2 });
    expect(await call()).toBe('made');
    fake.fault({ kind: 'unreachable' }, { times: 3 });
    const error = await failure(call());
    expect(error).toMatchObject({ code: 'balancer/unreachable', retry: 'later' });
    expect(error.message).toBe('slb could not be reached for AddItem: api.test: connection refused');
    expect(neverArrived(error)).toBe(true);
    expect(counted).toHaveLength(9);
  });

  it('keeps what the API said, for the adapter', async () => {
    const { fake, clock } = bench();
    const api = createJsonApi({
      http: fake.http,
      clock,
      random: { bytes: () => new Uint8Array(), number: () => 0 },
      log: { debug: () => {}, info: () => {}, warn: () => {} },
      name: 'slb',
      error: (trouble) => balancerError('slb', trouble),
      judge: () => ({ kind: 'refused', reason: 'The rule is gone.', code: 'InvalidRuleId.NotFound', requestId: 'R-1' }),
    });
    const call = {
      what: 'DeleteRules',
      build: () => ({ method: 'GET', url: 'https://api.test/items/a' }) as const,
      read: () => '',
      readsOnly: true,
      signal: never,
    };
    const error = await failure(api.call(call));
    expect(error.message).toBe('slb refused DeleteRules: InvalidRuleId.NotFound: The rule is gone (request R-1)');
    expect(isRefusal(error, 'Other', 'InvalidRuleId.NotFound')).toBe(true);
    expect(refusalOf(error)).toMatchObject({ status: 401, requestId: 'R-1' });
    expect(isRefusal(new Error('x'), 'Other')).toBe(false);
  });

  it('shows no secret that the API repeats, in no error and no log line', async () => {
    const { call, fake, lines } = bench();
    fake.fault({ kind: 'echo' });
    const error = await failure(call());
    fake.fault({ kind: 'status', status: 429, body: { error: token.reveal() } });
    fake.fault({ kind: 'status', status: 302, headers: { location: `https://x.test/?t=${token.reveal()}` } });
    const other = await failure(call());
    for (let at: unknown = [error, other]; at; at = (at as { cause?: unknown }).cause)
      expect(inspect(at, { depth: 9 })).not.toContain('tell-nobody');
    expect(error.code).toBe('balancer/refused');
    expect(lines.join()).not.toContain('tell-nobody');
  });

  it('stops at once when it is aborted: before, during an exchange, and while it waits for a limit', async () => {
    const reason = new Error('stopped');
    const { call, fake, clock } = bench({ auto: false });
    await expect(call({}, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(fake.count()).toBe(0);
    for (const fault of [{ kind: 'hang' }, { kind: 'limited', retryAfter: 50 }] as const) {
      const stopping = new AbortController();
      fake.fault(fault);
      const waiting = call({}, stopping.signal);
      for (let turn = 0; turn < 3; turn++) await clock.advance(10);
      stopping.abort(reason);
      await expect(waiting).rejects.toBe(reason);
    }
    expect(fake.calls.map((one) => one.result)).toEqual(['aborted', 429]);
  });
});

it.each([
  ['a token tell-nobody-0123456789 is wrong', 'a token *** is wrong'],
  ['only its beginning: tell-nobody-01…', 'only its beginning: ***…'],
  ['in base64: dGVsbC1ub2JvZHktMDEyMzQ1Njc4OQ==', 'in base64: ***'],
  ['two: tell-nobody-0123456789tell-nobody-0123456789', 'two: ******'],
  ['', ''],
  ['\u001b[31mred\nline', '[31mred line'],
])('cleaned: %j', (text, clean) => {
  expect(cleaned(text, [token])).toBe(clean);
});

it('removes a private key that is repeated in JSON, in a URL or line by line', () => {
  const lines = [
    'MHcCAQEEIAabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRST',
    'oAoGCCqGSM49AwEHoUQDQgAE7777abcdefghijk/+=',
  ];
  const key = new Secret(`-----BEGIN EC PRIVATE KEY-----\n${lines.join('\n')}\n-----END EC PRIVATE KEY-----\n`);
  for (const said of [
    key.reveal(),
    JSON.stringify(key.reveal()),
    encodeURIComponent(key.reveal()),
    lines.join(' '),
    lines[1]!,
    Buffer.from(key.reveal()).toString('base64'),
  ])
    for (const part of [...lines, encodeURIComponent(lines[1]!), 'LS0tLS1CRUdJTiBFQy'])
      expect(cleaned(`bad key: ${said}`, [key])).not.toContain(part);
});

it('reads fields, and takes a missing list for no list', () => {
  const answer = { Rules: { Rule: [{ RuleId: 'r' }] } };
  expect(readString(readList(readFields(answer.Rules, 'Rules')['Rule'], 'Rule')[0]!, 'RuleId')).toBe('r');
  for (const value of [undefined, null, 'x', ['x'], {}])
    expect(() => readList(value, 'Rule')).toThrow('Rule is missing');
  for (const value of [undefined, null, [], 'x']) expect(() => readFields(value, 'Rules')).toThrow('Rules is missing');
  for (const value of [undefined, 1, '']) expect(() => readString({ RuleId: value }, 'RuleId')).toThrow('RuleId');
});
