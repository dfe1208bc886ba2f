import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import dnspod from './dnspod.ts';
import {
  createAccount,
  type DnspodRecord,
  type Domain,
  fewest,
  most,
  type Sent,
  secrets,
  type TestDnspod,
  testOf,
} from './test-dnspod-account.ts';

export const tokenId = '13490';
export const token = '6b5976c68aba5b14a0558b77c17c3932';

const said = (code: string, message: string, more: object = {}): FakeAnswer => ({
  status: 200,
  body: { status: { code, message, created_at: '2026-11-24 12:00:00' }, ...more },
});
const done = (more: object) => said('1', 'Action completed successful', more);

/** A fake of the API with DNSPod's own tokens. */
export function testDnspodToken(clock: Clock): TestDnspod {
  const account = createAccount(clock);
  const sent: Sent[] = [];
  let wrongLogins = 0;

  const authorize = (request: FakeRequest): FakeAnswer | undefined => {
    const agent = request.headers['user-agent'] ?? '';
    if (request.method !== 'POST') return said('2', 'Only POST method allowed');
    if (agent === '' || /Mozilla/.test(agent)) return { status: 403, body: 'Forbidden' };
    const form = request.form();
    if (form.get('format') !== 'json') return { status: 200, body: '<?xml version="1.0"?><dnspod></dnspod>' };
    const login = form.get('login_token') ?? '';
    if (!/^\w+,\w+$/.test(login))
      return { status: 401, headers: { 'content-type': 'text/html' }, body: '<html>401 Authorization Required</html>' };
    if (wrongLogins >= 30) return said('-8', 'Too many login failures, the account is locked for a while');
    if (login === `${tokenId},${token}`) return undefined;
    wrongLogins += 1;
    return login.startsWith(`${tokenId},`)
      ? said('-1', 'Login fail, please check login info')
      : said('10002', 'The login token ID is invalid');
  };

  /** @param params all accepted parameters; required ones end with `!` */
  const action =
    (name: string, params: string, run: (p: { [name: string]: string }, domain: Domain) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const common = ['login_token', 'format', 'lang', 'error_on_empty'];
      const given = Object.fromEntries([...request.form()].filter(([key]) => !common.includes(key)));
      sent.push({ action: name, params: given });
      const known = params.split(' ').map((one) => one.replace('!', ''));
      const wrong = Object.keys(given).find((key) => !known.includes(key));
      const lacking = params.split(' ').find((one) => one.endsWith('!') && !given[one.slice(0, -1)]);
      if (wrong !== undefined || lacking !== undefined) return said('6', `Parameter wrong: ${wrong ?? lacking}`);
      if (name === 'Domain.List') return run(given, account.domains[0]!);
      const domain = account.domains.find(
        (one) => one.name === given['domain'] || String(one.id) === given['domain_id'],
      );
      if (!domain) return said('6', 'Domain id invalid');
      if (domain.account !== 'ours') return said('7', 'You have no permission to this domain');
      return run(given, domain);
    };
  const shown = ({ id, host, type, value, ttl }: DnspodRecord) => ({
    ...{ id: String(id), name: host, line: '默认', line_id: '0', type, ttl: String(ttl), value, mx: '0', enabled: '1' },
    ...{ status: 'enabled', weight: null, monitor_status: '', remark: '', updated_on: '2026-11-24 12:00:00' },
  });
  const domainOf = (domain: Domain) => ({ id: domain.id, name: domain.name, punycode: domain.name, grade: 'DP_Free' });

  const api = createFakeApi({
    clock,
    origin: 'https://dnsapi.cn',
    authorize,
    nameOf: ({ url }) => url.pathname.slice(1),
    routes: {
      'POST /Domain.List': action('Domain.List', 'type offset length keyword', ({ offset = '0', length = '3000' }) => {
        const ours = account.domains.filter((one) => one.account === 'ours');
        const page = ours.slice(Number(offset), Number(offset) + Number(length));
        return done({ info: { domain_total: ours.length }, domains: page.map(domainOf) });
      }),
      'POST /Domain.Info': action('Domain.Info', 'domain domain_id', (_params, domain) =>
        done({ domain: { ...domainOf(domain), id: String(domain.id) } }),
      ),
      'POST /Record.List': (request) =>
        action(
          'Record.List',
          'domain domain_id sub_domain record_type record_line keyword offset length',
          ({ sub_domain, record_type, offset = '0', length = '3000' }, domain) => {
            if (!/^\d+$/.test(offset)) return said('7', 'Record offset invalid');
            if (!/^\d+$/.test(length) || Number(length) > 3000) return said('8', 'Record length invalid');
            const all = account
              .listed(domain.name)
              .filter(
                ({ host, type }) =>
                  (sub_domain === undefined || host === sub_domain) &&
                  (record_type === undefined || type === record_type),
              );
            const page = all.slice(Number(offset), Number(offset) + Number(length));
            const info = { sub_domains: String(all.length), record_total: String(all.length) };
            if (page.length === 0 && request.form().get('error_on_empty') !== 'no') return said('10', 'No records');
            return done({ domain: domainOf(domain), info, records: page.map(shown) });
          },
        )(request),
      'POST /Record.Info': action('Record.Info', 'domain domain_id record_id!', ({ record_id }, domain) => {
        const record = account.find(domain.name, record_id);
        if (!record) return said('8', 'Record id invalid');
        const { id, host, type, value, ttl } = record;
        const fields = {
          id: String(id),
          sub_domain: host,
          record_type: type,
          record_line: '默认',
          record_line_id: '0',
        };
        return done({
          domain: { id: domain.id, domain: domain.name, domain_grade: 'DP_Free' },
          record: { ...fields, value, ttl: String(ttl), enabled: '1', domain_id: String(domain.id) },
        });
      }),
      'POST /Record.Create': action(
        'Record.Create',
        'domain domain_id sub_domain record_type! record_line record_line_id value! mx ttl status weight',
        ({ sub_domain = '@', record_type, record_line, record_line_id, value, ttl = '600' }, domain) => {
          if (domain.isLocked) return said('21', 'Domain is locked');
          if (!/^(@|[\w*-]+(\.[\w-]+)*)$/.test(sub_domain)) return said('22', 'Subdomain invalid');
          if ((record_line_id ?? '0') !== '0' || (record_line_id === undefined && record_line !== '默认'))
            return said('26', 'Record line invalid');
          if (record_type !== 'TXT') return said('27', 'Record type invalid');
          if (!/^\d+$/.test(ttl) || Number(ttl) < fewest || Number(ttl) > most)
            return said('32', 'TTL value is out of the limit');
          if (account.has(domain.name, sub_domain, record_type, value!)) return said('104', 'Record already exists');
          const { id } = account.add(domain.name, sub_domain, value!, Number(ttl));
          return done({ record: { id: String(id), name: sub_domain, status: 'enable' } });
        },
      ),
      'POST /Record.Remove': action('Record.Remove', 'domain domain_id record_id!', ({ record_id }, domain) => {
        if (domain.isLocked) return said('21', 'Domain is locked');
        const record = account.find(domain.name, record_id);
        if (!record) return said('8', 'Record id invalid');
        account.remove(record);
        return done({});
      }),
    },
  });
  return testOf(account, api, sent);
}

/** The bench with a DNSPod token. */
export const tokenBench = dnsApiBench(dnspod, {
  service: testDnspodToken,
  options: { id: tokenId, ...secrets({ token }) },
  refused: secrets({ token: 'wr0ng6c68aba5b14a0558b77c17c3932' }),
  isWrite: ({ url }) => !/(List|Info)$/.test(url.pathname),
  limit: { fault: () => ({ kind: 'status', ...said('-2', 'API usage is limited') }), saysWhen: false },
  refusal: (text) => said('6', text),
});
