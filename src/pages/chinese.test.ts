import { expect, it } from 'vitest';
import { englishIn, whollyEnglish } from '../../test/support/chinese.ts';
import { openDeclaring } from '../../test/support/pages/declaring.ts';
import { declaredConnections } from '../compose/declarations.ts';
import { offeredTypes } from '../config/settings/connection-types.ts';
import { settingsIn } from '../config/settings/settings.ts';
import { knownIssuers } from '../core/ca/known-issuers.ts';
import { inLanguage } from '../core/errors/wording.ts';
import { connectionSections, issuerType } from '../core/spec/connection.ts';
import type { Fields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { registry } from '../generated/registry.ts';
import { adapterKey, adapterText, adapterTextsZh } from './text/adapters.ts';

it.each([
  '_acme-challenge.www.example.test is in the zone example.test',
  '_acme-challenge.a.test is an alias (CNAME) of a.other.test',
  'a.example.test exists only through the wildcard record *.example.test: a TXT record below it would hide its address (RFC 4592)',
  'no DNS zone was found for not-ours.test',
  '127.0.0.1:5300 serves _acme-challenge.a.test (no TXT value now)',
  'ns1.a.test (192.0.2.1:53) cannot be asked from here: no answer within 3 s',
  'the DNS provider takes the credentials for example.test',
  'a.test has 192.0.2.1, 2001:db8::1',
  'a.test has neither an A nor an AAAA record',
  'the CAA records of a.test allow issue "other.test", not letsencrypt.org',
  'no CAA record limits who may issue for a.test',
  'Add a CAA record `0 issue "letsencrypt.org"` to the existing ones.',
  'a responder of this store answers at 0.0.0.0:80',
  'there was no time for the rest: this look ends after 10 s',
])('a finding is said in Chinese: %s', (text) => {
  const said = inLanguage(text, 'zh');
  expect(said).toMatch(/[\u4e00-\u9fff]/);
  expect(englishIn(said)).toBeUndefined();
});

it('leaves the words of others as they are, and takes little time for a long text', () => {
  for (const text of [
    'Policy forbids issuing for name',
    'foo: expected bar',
    'CAA record for a.test prevents issuance',
  ])
    expect(inLanguage(text, 'zh')).toBe(text);
  for (const part of ['a: ', 'a. A', 'the ', 'a', '" is not a ', '. `', ' has b answers ', '; a and b'])
    expect(inLanguage(part.repeat(500 / part.length), 'zh')).toContain(part.trim());
});

const right = { identifiers: ['a.example'], issuer: 'one', solver: 'web', deploy: [] };

it.each<[string, object]>([
  ['a', { identifiers: ['a b', '', 'a..b', 'http://x.example/y', 'ann@x.example', 'x.example:443', 'x/24', '*.*.x'] }],
  ['a', { identifiers: ['_x.example', `${'x'.repeat(64)}.example`, '1.2.3', '-x.example', 'ab--c.example', '*.'] }],
  ['a', { identifiers: [] }],
  ['a', { identifiers: 7, deploy: 'files' }],
  ['a', { identifiers: ['*.a.example'] }],
  ['a', { identifiers: ['a.example', '*.a.example', 'localhost', 'a.internal', '10.0.0.1'] }],
  ['a', { issuer: 'none', solver: 'none', deploy: ['none', 'files', 'files'] }],
  ['a', { issuer: undefined }],
  ['a', { solver: undefined }],
  ['a', { hooks: { deploy: 'x' }, deploy: ['files:/x'] }],
  ['a', { solvr: 'web', keyType: 'rsa1', profile: 7 }],
  ['No Name', {}],
  ['a', { name: 'b' }],
  ['a', { endpoints: ['x:99999'] }],
])('what is wrong with %s, %j, is said in Chinese', async (name, more) => {
  const { declarations } = await openDeclaring();
  const wrong = await declarations.check(name, { ...right, ...more } as never);
  const said = Object.values(wrong ?? { none: '' }).map((message) => inLanguage(message, 'zh'));
  expect(said.filter((text) => !/[\u4e00-\u9fff]/.test(text) || englishIn(text) !== undefined)).toEqual([]);
});

const sections = connectionSections.filter((one) => one !== 'issuers');

it.each(sections)('what is wrong with the options of %s is said in Chinese', async (section) => {
  const { settings } = await settingsIn({}, { env: {}, registry });
  const left = new Set<string>();
  let count = 0;
  for (const { type, provider, fields } of await offeredTypes(section, { balancers: {} }, registry)) {
    const typed: Record<string, Record<string, string> | string> = { type, ...present({ provider }) };
    for (const { name } of fields) {
      const [first = '', second] = name.split('.');
      if (second === undefined) typed[first] = 'no such: "value"/?';
      else typed[first] = { ...(typed[first] as object), [second]: 'no such: "value"/?' };
    }
    const { refused } = await declaredConnections([{ section, name: 'a', settings: typed as Fields }], settings!);
    for (const [option, message] of Object.entries(refused[0]?.wrong ?? {})) {
      count += 1;
      const said = inLanguage(message, 'zh');
      if (!/[\u4e00-\u9fff]/.test(said) || englishIn(said)) left.add(`${provider ?? type} ${option}: ${said}`);
    }
  }
  expect(count).toBeGreaterThan(3);
  expect([...left]).toEqual([]);
});

/** Products that have no other name. */
const names =
  `acme-dns AWS@Route@53 Azure@DNS Cloudflare deSEC DigitalOcean DNS@Made@Easy DNSimple Gandi@LiveDNS GoDaddy
  Google@Cloud@DNS LuaDNS Namecheap OVHcloud Porkbun Vultr ACME Let's@Encrypt ZeroSSL Google@Trust@Services Actalis
  LiteSSL@(TrustAsia) FreeSSL Sectigo DigiCert GlobalSign@Atlas`
    .split(/\s+/)
    .map((name) => name.replaceAll('@', ' '));

it('has all that the forms of connections show, and nothing else, in Chinese', async () => {
  const types = (
    await Promise.all(connectionSections.map((one) => offeredTypes(one, { balancers: {} }, registry)))
  ).flat();
  // The form itself has words for these.
  const isOfForm = (type: string, name: string) =>
    type === issuerType && ['directory', 'email', 'agreeToTerms'].includes(name);
  const texts = types.flatMap(({ section, type, provider = '', title, fields }) =>
    fields
      .filter(({ name }) => !isOfForm(type, name))
      .flatMap((field) => [field.title, field.description ?? ''])
      .concat(title)
      .filter((text) => text !== '')
      .map((text) => ({ adapter: `${section} ${type} ${provider}`, text })),
  );
  const isSaid = (text: string) => adapterText(text, 'zh') !== undefined || names.includes(text);
  const english = whollyEnglish(texts, isSaid);
  const ofIssuers = Object.values(knownIssuers).flatMap(({ title, accountBinding = '' }) =>
    [title, accountBinding].filter((text) => text !== ''),
  );
  const all = new Set([...texts.flatMap(({ adapter, text }) => (english.has(adapter) ? [] : [text])), ...ofIssuers]);
  expect([...all].filter((text) => !isSaid(text))).toEqual([]);
  const said = [...all].map((text) => [text, adapterText(text, 'zh')] as const);
  expect(said.filter(([, own]) => own?.includes('{url}'))).toEqual([]);
  const keys = new Set([...all].map(adapterKey));
  expect(Object.keys(adapterTextsZh).filter((key) => !keys.has(key))).toEqual([]);
});
