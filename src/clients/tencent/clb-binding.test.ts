import { describe, expect, it } from 'vitest';
import { markIn } from '../../core/request-path/own-mark.ts';
import { certificateParams, refusalOfSlot, type Slot, slotsFor } from './clb-binding.ts';
import type { ClbCertificate, ClbListener, ClbRule } from './clb-listener.ts';
import type { SslCertificate } from './ssl.ts';

const bound = (...ids: string[]): ClbCertificate => ({
  ids,
  mode: 'UNIDIRECTIONAL',
  verify: undefined,
  caId: undefined,
});
const mutual = (...ids: string[]): ClbCertificate => ({ ids, mode: 'MUTUAL', verify: 'OPTIONAL', caId: 'ca-1' });

const rule = (domains: readonly string[], certificate?: ClbCertificate): ClbRule => ({
  ...{ id: `loc-${domains[0]}`, domains, url: '/', isDefault: false, checkHost: '', action: 'forwards', certificate },
});
const listener = (over: Partial<ClbListener>): ClbListener => ({
  ...{ id: 'lbl-1', port: 443, protocol: 'HTTPS', hasSni: true, certificate: undefined, rules: [] },
  ...over,
});
const known = (id: string, more: Partial<SslCertificate> = {}): SslCertificate => ({
  ...{ id, mark: markIn(''), name: '', lineage: undefined, names: ['www.example.test'], kind: 'rsa' },
  ...more,
});

describe('the slots for a certificate', () => {
  const rules = [
    rule(['www.example.test'], bound('a')),
    rule(['www.example.test'], bound('a')),
    rule(['myexample.test'], bound('b')),
    rule(['example.test'], bound('c')),
    rule(['*.example.test'], bound('d')),
    rule(['a.b.example.test'], bound('e')),
    rule(['x.example.test', 'other.test'], bound('f')),
  ];
  it.each<[string, readonly string[], readonly string[] | undefined, readonly string[]]>([
    ['each domain once', ['www.example.test'], undefined, ['www.example.test']],
    [
      'a wildcard covers one label, neither the apex nor names that only end like it',
      ['*.example.test'],
      undefined,
      ['www.example.test', '*.example.test', 'x.example.test'],
    ],
    ['a name alone does not cover a wildcard’s domain', ['example.test'], undefined, ['example.test']],
    ['only `names`', ['*.example.test', 'example.test'], ['example.test'], ['example.test']],
  ])('%s', (_what, covers, names, places) => {
    expect(slotsFor(listener({ rules }), covers, names).map(({ place }) => place)).toEqual(places);
  });

  it.each<[string, ClbListener, readonly string[], readonly string[] | undefined, RegExp]>([
    ['no domain that it covers', listener({ rules }), ['new.test'], undefined, /no domain that the certificate covers/],
    [
      '`names` beyond the certificate',
      listener({ rules }),
      ['www.example.test'],
      ['other.test'],
      /does not cover other/,
    ],
    ['`names` beyond the listener', listener({ rules }), ['new.test'], ['new.test'], /has no domain new\.test/],
  ])('%s', (_what, at, covers, names, message) => {
    expect(() => slotsFor(at, covers, names)).toThrow(message);
  });

  it('without SNI, the listener’s own certificate is the slot, and with SNI it is not', () => {
    const certificate = bound('own');
    const without = slotsFor(listener({ hasSni: false, certificate, rules }), ['www.example.test'], undefined);
    expect(without).toEqual([{ place: 'the listener 443 (HTTPS)', domains: undefined, certificate }]);
    const [first] = slotsFor(listener({ certificate, rules }), ['www.example.test'], undefined);
    expect(first?.certificate?.ids).toEqual(['a']);
  });
});

describe('a slot keeps its certificate', () => {
  const slot = (over: Partial<Slot>): Slot => ({
    ...{ place: 'x', domains: undefined, certificate: bound('a') },
    ...over,
  });
  const covers = ['www.example.test'];
  const two = { names: ['www.example.test', 'shop.example.test'] };
  it.each<[string, Slot, readonly SslCertificate[], boolean, RegExp | undefined]>([
    ['that is for the same names', slot({}), [known('a')], false, undefined],
    ['that is for more names', slot({}), [known('a', two)], false, /also for shop\.example\.test/],
    ['that is for more names, but an older version', slot({}), [known('a', two)], true, undefined],
    ['that cannot be read', slot({}), [], false, /cannot be read/],
    ['none yet', slot({ certificate: undefined }), [], false, undefined],
    ['of a domain alone', slot({ domains: ['www.example.test'] }), [known('a', two)], false, undefined],
    ['of domains together', slot({ domains: ['www.example.test', 'b.test'] }), [], false, /shares its .* with b\.test/],
    [
      'one of two, with the other kind of key, for more names',
      slot({ certificate: bound('a', 'b') }),
      [known('a'), known('b', two)],
      false,
      /certificate b is also for/,
    ],
  ])('%s', (_what, at, there, older, expected) => {
    const reason = refusalOfSlot(at, covers, { known: there, isOlder: () => older });
    if (expected) expect(reason).toMatch(expected);
    else expect(reason).toBeUndefined();
  });
});

it.each<[string, ClbCertificate | undefined, object]>([
  ['nothing', undefined, { Certificate: { CertId: 'new' } }],
  ['one certificate', bound('a'), { Certificate: { CertId: 'new', SSLMode: 'UNIDIRECTIONAL' } }],
  [
    'the check of clients',
    mutual('a'),
    { Certificate: { CertId: 'new', SSLMode: 'MUTUAL', CertCaId: 'ca-1', SSLVerifyClient: 'OPTIONAL' } },
  ],
  [
    'a second kind of key',
    bound('rsa', 'ecc'),
    { MultiCertInfo: { SSLMode: 'UNIDIRECTIONAL', CertList: [{ CertId: 'new' }, { CertId: 'rsa' }] } },
  ],
  [
    'both, in any order',
    mutual('ecc', 'rsa'),
    {
      MultiCertInfo: {
        ...{ SSLMode: 'MUTUAL', SSLVerifyClient: 'OPTIONAL' },
        CertList: [{ CertId: 'new' }, { CertId: 'rsa' }, { CertId: 'ca-1' }],
      },
    },
  ],
  [
    'a second one that cannot be read',
    bound('unknown', 'ecc'),
    { MultiCertInfo: { SSLMode: 'UNIDIRECTIONAL', CertList: [{ CertId: 'new' }, { CertId: 'unknown' }] } },
  ],
])('the parameters keep %s', (_what, current, expected) => {
  const there = [known('rsa'), known('ecc', { kind: 'ecc' })];
  expect(certificateParams(current, { id: 'new', kind: 'ecc' }, there)).toEqual(expected);
});
