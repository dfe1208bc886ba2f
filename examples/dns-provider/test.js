// node --test, after `npm install certfleet` in this folder: the suite that certfleet's own providers pass, against a fake
// of the API that is as strict as its documents.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from 'certfleet/define';
import { createFakeApi, dnsApiBench, dnsApiContract, fakeZones } from 'certfleet/testing';
import provider from './mine.js';

/** The API in memory. */
function service(clock) {
  const zones = new Map(fakeZones.map((zone) => [zone, []]));
  let ids = 0;
  const add = ({ zone, name, value }) => {
    ids += 1;
    const added = { id: `${ids}`, name, value };
    zones.get(zone).push(added);
    return added;
  };
  const refuse = (status, message) => ({ status, body: { message } });
  const inZone = (handle) => (request) => {
    const { zone, name } = request.params;
    if (!zones.has(zone)) return refuse(404, `there is no zone ${zone}`);
    if (name && !name.endsWith(`.${zone}`)) return refuse(422, `${name} is not in the zone`);
    return handle(zones.get(zone), request);
  };
  const api = createFakeApi({
    clock,
    origin: 'https://dns.example.com',
    authorize: ({ headers, method }) => {
      if (headers.authorization === 'Bearer right-token') return undefined;
      if (headers.authorization !== 'Bearer reading-token') return refuse(401, 'unknown token');
      return method === 'GET' ? undefined : refuse(403, 'this token may only read');
    },
    routes: {
      'GET /v1/zones/:zone': inZone(() => ({ status: 200, body: {} })),
      'GET /v1/zones/:zone/txt/:name': inZone((values, { params }) => ({
        status: 200,
        body: { values: values.filter(({ name }) => name === params.name) },
      })),
      'POST /v1/zones/:zone/txt/:name': inZone((values, request) => {
        const { zone, name } = request.params;
        const { value, ttl } = request.json();
        if (typeof value !== 'string' || !(ttl >= 60)) return refuse(422, 'value and ttl are needed');
        if (values.some((one) => one.name === name && one.value === value)) return refuse(409, 'it is there already');
        return { status: 201, body: add({ zone, name, value }) };
      }),
      'DELETE /v1/zones/:zone/txt/:name/:id': inZone((values, { params }) => {
        const at = values.findIndex(({ id }) => id === params.id);
        if (at < 0) return refuse(404, 'there is no such value');
        values.splice(at, 1);
        return { status: 204 };
      }),
    },
  });
  return {
    api,
    values: (zone) => zones.get(zone) ?? [],
    plant: add,
    addZones: (names) => {
      for (const name of names) zones.set(name, []);
    },
  };
}

const bench = dnsApiBench(provider, {
  service,
  options: { token: new Secret('right-token') },
  refused: { token: new Secret('wrong-token') },
  readOnly: { token: new Secret('reading-token') },
});

dnsApiContract(test, bench);

test('adds a value with the TTL that the engine chose', async () => {
  const { api, connect } = await bench();
  const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };
  await connect().append(value, new AbortController().signal);
  assert.deepEqual(
    api.calls.map(({ method }) => method),
    ['GET', 'POST'],
  );
  assert.equal(api.calls[1].request.text, '{"value":"abc","ttl":60}');
});
