import { createHash } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import westcn from './westcn.ts';

export const username = 'ops';
export const password = '5dh232kfg!*OfThisTest';
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
/** The key of the account. */
export const apiKey = md5(password);
/** The key of the domain example.test. */
export const domainKey = md5('the password of example.test');

interface Record {
  readonly id: number;
  readonly item: string;
  readonly value: string;
  readonly ttl: number;
}

/** 域名不存在 and a letter whose second byte is a backslash. */
const notFound = 'd3f2c3fbb2bbb4e6d4da815c';

/** @param message the text in GBK, as hexadecimal digits, or in ASCII */
function refuse(errcode: number, message: string): FakeAnswer {
  const text = /^([0-9a-f]{2})+$/.test(message) ? Buffer.from(message, 'hex') : JSON.stringify(message).slice(1, -1);
  const parts = ['{"result":500,"clientid":"54880064508339547956","msg":"', text, `","errcode":${errcode}}`];
  return { status: 200, body: Buffer.concat(parts.map((part) => Buffer.from(part))) };
}
const fine = (data?: object): FakeAnswer => ({
  status: 200,
  body: { result: 200, clientid: '54880064508339547956', ...present({ data }) },
});

/** A fake of the West.cn API's calls for records. */
export function testWestcn(clock: Clock): FakeDnsService {
  let last = 123_000;
  const zones = new Map<string, Record[]>(fakeZones.map((zone) => [zone, []]));
  const newRecord = (item: string, value: string, ttl: number): Record => ({ id: ++last, item, value, ttl });

  const authorize = (request: FakeRequest): FakeAnswer | undefined => {
    if (request.url.pathname === '/API/v2/domain/dns/') return undefined;
    const { username: user, time, token } = Object.fromEntries(request.form());
    if (!user || !time || !token) return refuse(10000, 'username,time,token');
    const right = md5(`${username}${password}${time}`);
    const ageMs = Math.abs(clock.now().getTime() - Number(time));
    return user === username && token === right && ageMs <= 600_000
      ? undefined
      : refuse(10001, 'c9edb7ddd1e9d6a4caa7b0dc');
  };

  type Params = { readonly [name: string]: string };
  /** The accepted parameters of each action; required ones end with `!`. */
  const actions: { readonly [act: string]: readonly [string, (p: Params, records: Record[]) => FakeAnswer] } = {
    getdnsrecord: [
      'limit pageno',
      ({ limit = '20', pageno = '1' }, records) => {
        // The limit applies however many are requested.
        const size = Math.min(Number(limit), 100);
        const items = records.slice((Number(pageno) - 1) * size, Number(pageno) * size);
        if (items.length === 0) return refuse(30001, 'no records');
        const totals = { total: records.length, totalpages: Math.ceil(records.length / size), pageno: Number(pageno) };
        return fine({
          ...totals,
          limit: size,
          items: items.map((one) => ({ ...one, type: 'TXT', line: '', level: 10 })),
        });
      },
    ],
    adddnsrecord: [
      'host! type! value! ttl level line',
      ({ host, type, value, ttl = '900' }, records) => {
        if (type !== 'TXT') return refuse(20113, 'type');
        if (!/^(@|[\w*-]+(\.[\w-]+)*)$/.test(host!)) return refuse(20102, 'host');
        if (!/^\d+$/.test(ttl) || Number(ttl) < 60 || Number(ttl) > 86_400) return refuse(20116, 'ttl');
        if (records.some((one) => one.item === host && one.value === value)) return refuse(20118, 'duplicate');
        const record = newRecord(host!, value!, Number(ttl));
        records.push(record);
        return fine({ id: record.id });
      },
    ],
    deldnsrecord: [
      'id!',
      ({ id }, records) => {
        const at = records.findIndex((one) => String(one.id) === id);
        if (at < 0) return refuse(20120, 'no such record');
        records.splice(at, 1);
        return fine();
      },
    ],
  };

  /** Implements the domain API, whose errors have no codes. */
  const ofDomain = (request: FakeRequest): FakeAnswer => {
    const { act, domain, hostname, username: user, apikey, apidomainkey, ...p } = Object.fromEntries(request.form());
    const no = (msg: string): FakeAnswer => ({ status: 200, body: { code: 500, msg } });
    const yes = (body: object): FakeAnswer => ({ status: 200, body: { code: 200, msg: 'success', body } });
    // acme.sh sends the name of the record.
    const zone = [...zones.keys()]
      .filter((one) => domain === one || domain?.endsWith(`.${one}`))
      .sort((a, b) => b.length - a.length)[0];
    const isRight = apidomainkey === undefined ? user === username && apikey === apiKey : apidomainkey === domainKey;
    if (!isRight) return no('auth failed');
    if (zone === undefined || (apidomainkey !== undefined && !/(^|\.)example\.test$/.test(zone)))
      return no('domain not found');
    const records = zones.get(zone)!;
    const item = relativeName(hostname ?? '', zone);
    if (!hostname?.endsWith(zone)) return no('hostname error');
    if (act === 'dnsrec.list') {
      const found = records.filter((one) => one.item === item);
      const shown = found.map(({ id, value, ttl }) => ({
        ...{ record_id: id, hostname: item, record_type: 'TXT', record_value: value, record_ttl: ttl, record_line: '' },
      }));
      return found.length === 0 || (p['record_type'] ?? 'TXT') !== 'TXT' ? no('no records') : yes({ items: shown });
    }
    if (act === 'dnsrec.add') {
      const { record_type: type, record_value: value, record_ttl: ttl = '900' } = p;
      if (type !== 'TXT' || !value || !(Number(ttl) >= 60 && Number(ttl) <= 86_400)) return no('parameter error');
      if (records.some((one) => one.item === item && one.value === value)) return no('record exists');
      const record = newRecord(item, value, Number(ttl));
      records.push(record);
      return yes({ record_id: record.id });
    }
    const at = records.findIndex(({ id }) => String(id) === p['record_id']);
    if (act !== 'dnsrec.remove' || at < 0) return no('record not found');
    records.splice(at, 1);
    return yes({});
  };

  const api = createFakeApi({
    ...{ clock, authorize },
    origin: 'https://api.west.cn',
    nameOf: ({ url, form }) => url.searchParams.get('act') ?? form().get('act') ?? '',
    routes: {
      'POST /API/v2/domain/dns/': ofDomain,
      'POST /api/v2/domain/': (request) => {
        const act = request.url.searchParams.get('act') ?? '';
        const action = actions[act];
        if (!action) throw new Error(`the fake has no action ${act}`);
        const [known, run] = action;
        const { username: _, time: _time, token: _token, domain, ...params } = Object.fromEntries(request.form());
        const records = zones.get(domain ?? '');
        if (!records) return refuse(20001, notFound);
        const unknown = Object.keys(params).find(
          (key) => !known.split(' ').some((one) => one.replace('!', '') === key),
        );
        const lacking = known.split(' ').find((one) => one.endsWith('!') && !params[one.slice(0, -1)]);
        if (unknown !== undefined || lacking !== undefined) return refuse(20000, `${unknown ?? lacking}`);
        return run(params, records);
      },
    },
  });
  return {
    api,
    values: (zone) =>
      (zones.get(zone) ?? []).map(({ item, value }) => ({ name: item === '@' ? zone : `${item}.${zone}`, value })),
    plant: ({ zone, name, value, ttl }) => void zones.get(zone)!.push(newRecord(relativeName(name, zone), value, ttl)),
    addZones: (names) => {
      for (const name of names) zones.set(name, []);
    },
  };
}

export default dnsApiBench(westcn, {
  service: testWestcn,
  options: { username, password: new Secret(password) },
  refused: { password: new Secret('wrong32kfg!*OfThisTest') },
  isWrite: ({ url }) => url.searchParams.get('act') !== 'getdnsrecord',
  refusal: (said) => refuse(20000, said),
});

/** The bench with a key instead of a password. */
const keyBench = (options: Readonly<{ [name: string]: string | Secret }>, refused: typeof options) =>
  dnsApiBench(westcn, {
    ...{ service: testWestcn, options, refused },
    isWrite: ({ form }) => form().get('act') !== 'dnsrec.list',
    refusal: (said) => ({ status: 200, body: { code: 500, msg: said } }),
  });

export const apiKeyBench = keyBench({ username, apiKey: new Secret(apiKey) }, { apiKey: new Secret(md5('wrong')) });
