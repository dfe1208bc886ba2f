import { createHash } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import provider from './http-request.ts';

// A server of lego's httpreq convention that keeps its values in memory and supports both modes.

export const origin = 'https://bridge.test';
export const [username, password] = ['acme', 'pa55word-of-this-test'];

export function testHttpRequest(clock: Clock, at = origin): FakeDnsService {
  const values: { name: string; value: string }[] = [];
  const indexOf = ({ name, value }: { name: string; value: string }) =>
    values.findIndex((one) => one.name === name && one.value === value);

  const handler =
    (change: (record: { name: string; value: string }) => void) =>
    (request: FakeRequest): FakeAnswer => {
      if (!request.headers['content-type']?.startsWith('application/json')) return { status: 415 };
      const record = recordIn(request.json());
      if (record === undefined) return { status: 400, body: { error: 'neither fqdn and value nor a raw challenge' } };
      if (!isBelow(record.name, fakeZones[0]))
        return { status: 422, body: { error: `no account has ${record.name.split('.').slice(-2).join('.')}` } };
      change(record);
      return { status: 200, body: record };
    };

  const api = createFakeApi({
    clock,
    origin: at,
    authorize: ({ headers }) =>
      headers['authorization'] === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
        ? undefined
        : { status: 401, headers: { 'www-authenticate': 'Basic' }, body: 'who are you?' },
    routes: {
      'HEAD /acme/present': () => ({ status: 405 }),
      'POST /acme/present': handler((record) => {
        if (indexOf(record) < 0) values.push(record);
      }),
      'POST /acme/cleanup': handler((record) => {
        if (indexOf(record) >= 0) values.splice(indexOf(record), 1);
      }),
    },
  });
  return {
    api,
    values: (zone) => (zone === fakeZones[0] ? values : []),
    plant: ({ name, value }) => void values.push({ name, value }),
    addZones: () => {},
  };
}

const isBelow = (name: string, zone: string): boolean => `.${name}`.endsWith(`.${zone}`);

/** Reads a record from a body with exactly the fields of one of the two modes. */
function recordIn(body: unknown): { name: string; value: string } | undefined {
  const fields = Object.entries(body ?? {});
  if (fields.some(([, text]) => typeof text !== 'string' || text === '')) return undefined;
  const { fqdn, value, domain, token, keyAuth } = Object.fromEntries(fields) as Record<string, string>;
  switch (
    fields
      .map(([name]) => name)
      .sort()
      .join()
  ) {
    case 'fqdn,value':
      return fqdn!.endsWith('.') ? { name: fqdn!.slice(0, -1), value: value! } : undefined;
    case 'domain,keyAuth,token': {
      if (!keyAuth!.startsWith(`${token}.`) || domain!.includes('*')) return undefined;
      const digest = createHash('sha256').update(keyAuth!).digest('base64url');
      return { name: `_acme-challenge.${domain}`, value: digest };
    }
    default:
      return undefined;
  }
}

export const benchOf = (mode: 'default' | 'RAW' = 'default') =>
  dnsApiBench(provider, {
    service: testHttpRequest,
    options: { endpoint: `${origin}/acme`, mode, username, password: new Secret(password) },
    refused: { password: new Secret('wr0ng-password') },
    secrets: [Buffer.from(`${username}:${password}`).toString('base64')],
    subZone: undefined,
    // The service has no zones to choose from.
    nameOf: (host) => `_acme-challenge.${host === '' ? '' : `${host}.`}${fakeZones[0]}`,
  });

export default benchOf();
