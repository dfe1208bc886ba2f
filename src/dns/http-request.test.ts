import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DnsValue } from '../ports/dns-provider.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import provider from './http-request.ts';
import { benchOf, origin } from './test-http-request.ts';

const { signal } = new AbortController();
const keyAuthorization = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI';
const value: DnsValue = {
  zone: 'example.test',
  name: '_acme-challenge.example.test',
  value: createHash('sha256').update(keyAuthorization).digest('base64url'),
  ttl: 60,
  challenge: { domain: 'example.test', token: keyAuthorization.split('.')[0]!, keyAuthorization },
};
const record = { name: value.name, value: value.value };

dnsApiContract(it, benchOf());

describe('http-request', () => {
  it.each(['default', 'RAW'] as const)('adds and removes the value in the mode %s', async (mode) => {
    const { api, values, connect } = await benchOf(mode)();
    await connect().append(value, signal);
    expect(await values(value.zone)).toEqual([record]);
    await connect().remove(value, undefined, signal);
    expect(await values(value.zone)).toEqual([]);
    expect(api.calls.map(({ name }) => name)).toEqual(['POST /acme/present', 'POST /acme/cleanup']);
  });

  it('sends nothing in the mode RAW if there is no challenge', async () => {
    const { api, connect } = await benchOf('RAW')();
    const { challenge: _challenge, ...bare } = value;
    await expect(connect().append(bare, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      hint: expect.stringContaining('`mode: default`'),
    });
    expect(api.calls).toEqual([]);
  });

  it.each([
    [401, 'dns/refused', '`username` and `password`'],
    [404, 'dns/refused', '`endpoint`'],
    [422, 'dns/refused', 'server’s log'],
    [302, 'dns/failed', ''],
    [500, 'dns/failed', ''],
  ])('takes %i for %s', async (status, code, hint) => {
    const { api, connect } = await benchOf()();
    api.fault({ kind: 'status', status, body: 'not in the mood' });
    await expect(connect().append(value, signal)).rejects.toMatchObject({
      code,
      hint: expect.stringContaining(hint),
    });
    expect(api.count()).toBe(1);
  });

  it.each([
    [200, undefined],
    [404, undefined],
    [405, undefined],
    [401, 'dns/refused'],
    [403, 'dns/refused'],
    [502, 'dns/failed'],
  ])('takes %i for HEAD for %s', async (status, code) => {
    const { api, connect, clock } = await benchOf()();
    api.fault({ kind: 'status', status }, { times: 9 });
    const checked = clock.passWhile(connect().check!('example.test', signal).catch((error) => error.code));
    expect(await checked).toBe(code);
  });

  it('requires user name and password together', () => {
    const options = { endpoint: origin, mode: 'default', username: 'acme' } as const;
    const connect = () => provider.connect({ name: 'dns', world: {} as never, options });
    expect(connect).toThrow(/`password` is missing/);
  });
});
