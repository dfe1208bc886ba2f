import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { exampleText } from '../../cli/commands/look/example.ts';
import { CertfleetError } from '../../core/errors/errors.ts';
import { lineageNameRule } from '../../core/names/identifiers.ts';
import { present } from '../../core/text/present.ts';
import { z } from '../../define.ts';
import { registry } from '../../generated/registry.ts';
import { eachAdapterOf } from '../adapters/each-adapter.ts';
import { zonesElsewhere } from '../adapters/referred-adapters.ts';
import { configurationJsonSchema } from './json-schema.ts';
import { checkConfiguration, loadSettings } from './load.ts';

const nothing = async () => undefined;
const noFiles = { read: nothing, stat: nothing, list: nothing, untrusted: nothing, user: () => 0 };
const load = (text: string, env = {}) => loadSettings({ file: 'certfleet.yaml', text, files: noFiles, env });
const problemsIn = async (text: string) => {
  const { problems } = await checkConfiguration({ file: 'certfleet.yaml', text, files: noFiles, env: {} });
  return problems.map(({ line, message }) => `${line}: ${message}`);
};

const whole = `store: { type: file, path: /var/lib/certfleet }
issuers:
  letsencrypt: { directory: letsencrypt, email: ops@example.com, agreeToTerms: true, newAccount: true }
solvers:
  web: { type: http01-responder, listen: "0.0.0.0:30080" }
  dns: { type: dns01, provider: rfc2136, options: { server: "ns1.example.com:53", keyName: acme, secret: "file:/run/secrets/tsig" } }
deployers:
  edge: { type: files, path: /etc/haproxy/certs }
certificates:
  - { name: abc, identifiers: [ABC.example.com], issuer: letsencrypt, solver: web, deploy: [edge], endpoints: ["abc.example.com:443"] }
  - { name: wildcard, identifiers: [example.com, "*.example.com"], issuer: letsencrypt, solver: dns, deploy: [edge] }
preflight: { resolvers: ["1.1.1.1", "[2606:4700::1111]:5353"], http01Port: 5002 }
shutdownBudget: 9s
leaseTtl: 1s
deployTimeout: 3m
`;

describe('loadSettings', () => {
  it('makes settings of a whole configuration', async () => {
    const settings = await load(whole);
    expect(settings).toMatchObject({
      store: { type: 'file', path: '/var/lib/certfleet' },
      issuers: {
        letsencrypt: {
          directory: 'https://acme-v02.api.letsencrypt.org/directory',
          testDirectory: 'https://acme-staging-v02.api.letsencrypt.org/directory',
          email: ['ops@example.com'],
          agreeToTerms: true,
          newAccount: true,
          test: false,
        },
      },
      preflight: { resolvers: ['1.1.1.1:53', '[2606:4700::1111]:5353'], http01Port: 5002 },
      shutdownBudgetMs: 9_000,
      leaseTtlMs: 1_000,
      deployTimeoutMs: 180_000,
    });
    expect(settings.certificates[0]).toEqual({
      name: 'abc',
      identifiers: [{ type: 'dns', value: 'abc.example.com' }],
      issuer: 'letsencrypt',
      solver: 'web',
      deploy: ['edge'],
      endpoints: ['abc.example.com:443'],
    });
    expect(settings.solvers['dns']?.settings).toMatchObject({ options: { secret: 'file:/run/secrets/tsig' } });
    const short = await load(whole.replace('"abc.example.com:443"', 'abc.example.com, "2001:db8::1"'));
    expect(short.certificates[0]?.endpoints).toEqual(['abc.example.com:443', '[2001:db8::1]:443']);
    const chinese = await load(whole.replace('"abc.example.com:443"', '中文.example.com, "München.example.com:8443"'));
    expect(chinese.certificates[0]?.endpoints).toEqual([
      'xn--fiq228c.example.com:443',
      'xn--mnchen-3ya.example.com:8443',
    ]);
  });

  it('has defaults without a file and for an empty one', async () => {
    const none = await loadSettings({ files: noFiles, env: {} });
    expect(none).toMatchObject({ store: { type: 'file', path: '/var/lib/certfleet' }, shutdownBudgetMs: 8_000 });
    expect(await load('# nothing\n')).toEqual(none);
  });

  it('looks for its defaults below CERTFLEET_ROOT', async () => {
    const env = { CERTFLEET_ROOT: '/srv/test' };
    const read = async (path: string) =>
      path === '/srv/test/etc/certfleet/certfleet.yaml' ? Buffer.from('leaseTtl: 5s\n') : undefined;
    expect(await loadSettings({ files: { ...noFiles, read }, env })).toMatchObject({
      store: { type: 'file', path: '/srv/test/var/lib/certfleet' },
      leaseTtlMs: 5_000,
    });
    expect((await loadSettings({ files: noFiles, env })).store['path']).toBe('/srv/test/var/lib/certfleet');
  });

  it.each([
    ['store: { type: file, path: ~/store }', 'store.path'],
    ['store: { type: file, path: store }', 'store.path'],
    ['issuers: { own: { directory: "https://ca.test", caFile: ca.pem } }', 'issuers.own.caFile'],
    ['solvers: { web: { type: http01-webroot, folders: www } }', 'folders'],
    ['deployers: { disk: { type: files, path: ~/certs } }', 'deployers.disk.path'],
    ['deployers: { hook: { type: command, run: x, path: certs } }', 'deployers.hook.path'],
    ['deployers: { web: { type: nginx, path: certs } }', 'deployers.web.path'],
    ['deployers: { edge: { type: haproxy, socket: /s, certificates: certs } }', 'deployers.edge.certificates'],
    [
      'solvers: { dns: { type: dns01, provider: rfc2136, options: { server: a, keyName: b, secret: "file:tsig" } } }',
      'solvers.dns.options.secret',
    ],
  ])('accepts only whole paths: %s', async (text, where) => {
    expect(await problemsIn(text)).toEqual([expect.stringMatching(`^1: .*${where}.*: expected an absolute path`)]);
  });

  it('answers dns-persist-01 only with a service that keeps its records', async () => {
    const dns = (provider: string) =>
      `solvers: { dns: { type: dns01, provider: ${provider}, options: {}, challenge: dns-persist-01, persistFor: 365d } }`;
    expect(await problemsIn(dns('manual'))).toEqual([]);
    expect(await problemsIn(dns('acme-dns'))).toContain(
      '1: solvers.dns: acme-dns cannot answer dns-persist-01, since it keeps only the last 2 values of a name',
    );
  });

  it('trusts only the roots of a CA file if it says so', async () => {
    const own = (more: string) => `issuers: { own: { directory: "https://ca.test/d"${more} } }`;
    const { issuers } = await load(own(', caFile: /ca.pem, onlyThisCa: true'));
    expect(issuers['own']).toMatchObject({ caFile: '/ca.pem', onlyThisCa: true });
    expect((await load(own(', caFile: /ca.pem, onlyThisCa: false'))).issuers['own']).not.toHaveProperty('onlyThisCa');
    expect(await problemsIn(own(', onlyThisCa: true'))).toEqual([
      '1: issuers.own.onlyThisCa needs issuers.own.caFile, the PEM file with the only root certificates to trust',
    ]);
  });

  describe('limits of a CA', () => {
    const withLimits = (limits: string, directory = 'letsencrypt') =>
      `issuers: { le: { directory: "${directory}", limits: ${limits} } }`;

    it.each(['letsencrypt', 'https://ca.test/directory'])('are taken as written, of %s', async (directory) => {
      const { issuers } = await load(
        withLimits('{ newOrdersPerAccount: 3000/3h, certificatesPerSet: 10/7d }', directory),
      );
      expect(issuers['le']?.limits).toEqual({ newOrdersPerAccount: '3000/3h', certificatesPerSet: '10/7d' });
      expect((await load(`issuers: { le: { directory: "${directory}" } }`)).issuers['le']).not.toHaveProperty('limits');
    });

    it.each([
      [
        '{ newOrderPerAccount: 3000/3h }',
        'unknown key "newOrderPerAccount" in issuers.le.limits; did you mean "newOrdersPerAccount"?',
      ],
      [
        '{ newOrdersPerAccount: 3000 }',
        'issuers.le.limits.newOrdersPerAccount must be a whole number and a duration, like 3000/3h for 3,000 in 3 hours',
      ],
      [
        '{ newOrdersPerAccount: 3000/week }',
        'issuers.le.limits.newOrdersPerAccount: must be a whole number and a duration, like 3000/3h for 3,000 in 3 hours',
      ],
      [
        '{ newOrdersPerAccount: 0/3h }',
        'issuers.le.limits.newOrdersPerAccount: must allow at least one, since with 0 certfleet would never order anything',
      ],
      [
        '{ newOrdersPerAccount: 5/0s }',
        'issuers.le.limits.newOrdersPerAccount: must have a duration from 1s to 36500d, not 0s',
      ],
      ['3000/3h', 'issuers.le.limits must be a group of keys, not text'],
      ['null', '"limits" has no value in issuers.le'],
      ['{ newOrdersPerAccount: }', '"newOrdersPerAccount" has no value in issuers.le.limits'],
    ])('%s', async (limits, problem) => {
      expect(await problemsIn(withLimits(limits))).toEqual([`1: ${problem}`]);
    });
  });

  const dnsWith = (secret: string) =>
    `solvers: { dns: { type: dns01, provider: rfc2136, options: { server: a, keyName: b, secret: "${secret}" } }`;

  it.each([
    [
      `${dnsWith('env:TSIG')} }\ndeployers: { edge: { type: command, run: x, passEnvironment: [KUBECONFIG, TSIG] } }`,
      '2: deployers.edge.passEnvironment[1]: TSIG is the secret of solvers.dns.options.secret, which no hook may get; ' +
        'give the hook a variable or file of its own',
    ],
    [
      `${dnsWith('env:TSIG')}, hook: { type: command, present: x, passEnvironment: [TSIG] } }`,
      expect.stringContaining('1: solvers.hook.passEnvironment[0]: TSIG is the secret of solvers.dns.options.secret'),
    ],
    [
      `${dnsWith('env:LC_TSIG')} }`,
      '1: solvers.dns.options.secret: every hook gets the variable LC_TSIG; put the secret into one with another name',
    ],
    [
      'deployers: { web: { type: nginx, path: /certs, passEnvironment: [CERTFLEET_RFC2136_SECRET] } }',
      '1: deployers.web.passEnvironment[0]: a variable CERTFLEET_… is for certfleet alone; leave it out',
    ],
    [
      'deployers: { web: { type: nginx, path: /certs, passEnvironment: ["A=1"] } }',
      '1: deployers.web.passEnvironment[0]: expected names of environment variables, without values',
    ],
  ])('keeps secrets from hooks: %s', async (text, problem) => {
    expect(await problemsIn(text)).toEqual([problem]);
  });

  it('lets a hook have variables that hold no secret of certfleet', async () => {
    const text = `${dnsWith('env:TSIG')} }\ndeployers: { edge: { type: command, run: x, passEnvironment: [DOCKER_HOST] } }`;
    expect(await problemsIn(text)).toEqual([]);
  });

  it('uses the only issuer and solver if none is named', async () => {
    const text = `issuers: { le: { directory: letsencrypt } }\nsolvers: { web: { type: http01-responder } }\ncertificates: [{ name: a, identifiers: [a.example.com] }]`;
    expect((await load(text)).certificates[0]).toMatchObject({ issuer: 'le', solver: 'web' });
  });

  it('refuses aliases that stand for too much, and takes those that people write', async () => {
    const refused = 'the YAML aliases (*name) stand for too much; write out what they stand for';
    const levels = (count: number, times: number) =>
      Array.from({ length: count }, (_, at) => {
        const inner = at === 0 ? 'lol' : `*a${at - 1}`;
        return `a${at}: &a${at} [${Array(times).fill(inner).join(', ')}]`;
      });
    const hook = (body: string) =>
      `deployers:\n  w:\n    type: webhook\n    url: https://a.example.com\n    body: ${body}`;
    const bomb = levels(9, 9)
      .map((line) => `      ${line}`)
      .join('\n');
    expect(await problemsIn(hook(`\n${bomb}`))).toEqual([`1: ${refused}`]);
    expect(
      await problemsIn(hook(`\n      a: &a ${'x'.repeat(9_000)}\n      b: [${Array(4_000).fill('*a').join(', ')}]`)),
    ).toEqual([`1: ${refused}`]);
    expect(await problemsIn(`issuers: {}\nsolvers:\n  ${levels(300, 1).join('\n  ')}`)).toEqual([`2: ${refused}`]);
    const many = Array.from(
      { length: 3_000 },
      (_, at) => `  - { name: c${at}, identifiers: [c${at}.example.com], deploy: *d }`,
    );
    const shared = `issuers: { le: { directory: letsencrypt } }\nsolvers: { web: { type: http01-responder } }\ndeployers: { edge: { type: files, path: /certs } }\ncertificates:\n  - { name: a, identifiers: [a.example.com], deploy: &d [edge] }\n${many.join('\n')}`;
    expect((await load(shared)).certificates.length).toBe(3_001);
  });

  it('reports a missing file, and one that cannot be read', async () => {
    await expect(loadSettings({ file: '/none.yaml', files: noFiles, env: {} })).rejects.toThrow(
      expect.objectContaining({ code: 'config/unreadable', exitCode: 2 }),
    );
    const refused = { ...noFiles, read: () => Promise.reject(Object.assign(new Error('x'), { code: 'EACCES' })) };
    await expect(loadSettings({ files: refused, env: {} })).rejects.toThrow('permission denied');
    const folder = Object.assign(new Error('EISDIR: illegal operation on a directory, read'), { code: 'EISDIR' });
    const noFile = { ...noFiles, read: () => Promise.reject(folder) };
    await expect(loadSettings({ file: '/etc', files: noFile, env: {} })).rejects.toThrow(
      'the configuration /etc cannot be read: it is a folder',
    );
  });

  it('accepts the example, also by its JSON schema', async () => {
    const { problems, settings } = await checkConfiguration({ text: exampleText, files: noFiles, env: {} });
    expect(problems).toEqual([]);
    expect(settings?.certificates.map(({ name }) => name)).toEqual(['www', 'wildcard']);
  });

  it('survives a round trip through YAML', async () => {
    const name = fc.stringMatching(/^[a-z0-9_][a-z0-9._-]{0,19}$/);
    const label = fc.stringMatching(/^[a-z]{1,10}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(label, { minLength: 1 }),
        async (names, labels) => {
          const certificates = names.map((n) => ({ name: n, identifiers: labels.map((l) => `${l}.example.com`) }));
          const value = {
            issuers: { le: { directory: 'letsencrypt' } },
            solvers: { web: { type: 'http01-responder' } },
            certificates,
          };
          const settings = await load(dump(value));
          expect(settings.certificates.map((c) => c.name)).toEqual(names);
          expect(settings.certificates[0]?.identifiers.map((i) => i.value)).toEqual(
            labels.map((l) => `${l}.example.com`),
          );
          expect(await load(JSON.stringify(value))).toEqual(settings);
        },
      ),
      { numRuns: process.env['CERTFLEET_LONG'] ? 300 : 10 },
    );
  });

  it('throws only CertfleetError, whatever the text', async () => {
    const key = fc.constantFrom(
      'store',
      'issuers',
      'solvers',
      'certificates',
      'type',
      'name',
      'identifiers',
      'directory',
      'x',
      '__proto__',
      'constructor',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.integer(),
        fc.constant(null),
        fc.boolean(),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      tree.map((value) => JSON.stringify(value) ?? ''),
    );
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        await load(given).catch((error) => {
          if (!(error instanceof CertfleetError)) throw error;
          expect(error.exitCode).toBe(2);
        });
      }),
      { numRuns: process.env['CERTFLEET_LONG'] ? 5_000 : 150 },
    );
  });
});

describe('problems', () => {
  const edited = (from: string, to: string) => whole.replace(from, to);
  const long = 'x'.repeat(300);
  const cutLong = `${'x'.repeat(199)}…`;

  it.each([
    [`${whole}alarms: { "a\\eb": { type: slack, url: "env:HOOK" } }\n`, expect.stringMatching(/^16: .*invisible/)],
    [edited('solver: web', 'solvr: web'), '10: unknown key "solvr" in certificates[0]; did you mean "solver"?'],
    [edited('leaseTtl', 'leaseTTTL'), '14: unknown key "leaseTTTL"; did you mean "leaseTtl"?'],
    [edited('listen:', '__proto__:'), '5: unknown key "__proto__" in solvers.web'],
    [edited('solver: web', 'solver: "w\\0b"'), '10: certificates[0].solver: expected text without a NUL character'],
    [
      `${whole}extra: &a [*a]\n`,
      '16: the YAML aliases (*name) stand for too much; write out what they stand for', // a value inside itself
    ],
    [edited('listen:', 'lisen:'), '5: unknown key "lisen" in solvers.web; did you mean "listen"?'],
    [edited('keyName', 'keyname'), '6: unknown key "keyname" in solvers.dns.options; did you mean "keyName"?'],
    [
      edited('type: http01-responder', 'type: http-responder'),
      '5: there is no solver "http-responder"; did you mean "http01-responder"?',
    ],
    [
      edited('provider: rfc2136', 'provider: rfc2163'),
      '6: there is no DNS provider "rfc2163"; did you mean "rfc2136"?',
    ],
    [
      edited('deploy: [edge], e', 'deploy: [egde], e'),
      '10: the certificate "abc" names the deployer "egde", which is not declared; did you mean "edge"?',
    ],
    [
      edited('issuer: letsencrypt, solver: dns', 'issuer: letsencript, solver: dns'),
      '11: the certificate "wildcard" names the issuer "letsencript", which is not declared; did you mean "letsencrypt"?',
    ],
    [
      edited('directory: letsencrypt', 'directory: letsencrpt'),
      '3: the directory "letsencrpt" is neither an https:// URL nor a known CA; did you mean "letsencrypt"?',
    ],
    [
      edited('directory: letsencrypt', 'directory: "https://mia:tell-nobody@ca.example/"'),
      '3: leave USER:PASSWORD@ out of the directory: it is stored and shown as it is',
    ],
    [
      edited('name: wildcard', 'name: abc'),
      '11: the certificate name "abc" is used twice; every certificate needs its own',
    ],
    [edited('name: abc', 'name: ABC'), `10: certificates[0].name: ${lineageNameRule}`],
    [edited('name: abc', 'name: ..'), `10: certificates[0].name: ${lineageNameRule}`],
    [edited('9s', '9'), '13: shutdownBudget needs a unit: write 9s, or another of ms, s, m, h and d'],
    [edited('leaseTtl: 1s', 'leaseTtl: 60'), '14: leaseTtl needs a unit: write 60s, or another of ms, s, m, h and d'],
    [
      edited('keyName: acme', 'keyName: 2026'),
      '6: solvers.dns.options.keyName must be text, not a number: put it in quotes',
    ],
    [
      edited('[ABC.example.com]', '[*.bc.test]'),
      '10: this is not valid YAML: *.bc.test without quotes is a YAML alias; put it in quotes: "*.bc.test"',
    ],
    [
      'certificates:\n  - name: a\n    identifiers:\n      - *.example.com\n',
      '4: this is not valid YAML: *.example.com without quotes is a YAML alias; put it in quotes: "*.example.com"',
    ],
    [edited('9s', '999999999d'), '13: shutdownBudget: a duration is at most 36500d (100 years)'],
    [edited('9s', 'long'), '13: shutdownBudget: a duration is a whole number and ms, s, m, h or d, for example 30s'],
    [edited('http01Port: 5002', 'http01Port: 70000'), '12: preflight.http01Port: must be a number from 1 to 65535'],
    [
      edited('"abc.example.com:443"', '"a b:443"'),
      '10: certificates[0].endpoints[0]: must be an address and a port, like www.example.com:443',
    ],
    [
      edited('"abc.example.com:443"', '"中 文:443"'),
      '10: certificates[0].endpoints[0]: must be an address and a port, like www.example.com:443',
    ],
    [edited('9s', '0s'), '13: shutdownBudget: must be at least 1s'],
    [edited('leaseTtl: 1s', 'leaseTtl: 1ms'), '14: leaseTtl: must be at least 1s'],
    [edited('deployTimeout: 3m', 'deployTimeout: 0s'), '15: deployTimeout: must be at least 1s'],
    [`${whole}deployDeadline: 999ms\n`, '16: deployDeadline: must be at least 1s'],
    [
      edited('deploy: [edge], e', 'deploy: ["files:rel"], e'),
      '10: certificates[0].deploy[0]: expected an absolute path after files:',
    ],
    [
      edited('solver: web,', 'solver: web, notAfter: 999999d,'),
      '10: certificates[0].notAfter: a duration is at most 36500d (100 years)',
    ],
    [
      edited('abc.example.com:443', '::1:443'),
      '10: certificates[0].endpoints[0]: put the IPv6 address in brackets, like [::1]:443',
    ],
    [
      edited('deploy: [edge], e', 'deploy: [edge, edge], e'),
      '10: the certificate "abc" names the deployer "edge" twice',
    ],
    [
      edited('email: ops@example.com', 'email: ops'),
      '3: issuers.letsencrypt.email: must be an e-mail address like ops@example.com, or a list of them',
    ],
    [edited('keyName: acme', 'keyName: ""'), '6: solvers.dns.options.keyName must not be empty'],
    [edited('edge: { type: files', '"": { type: files'), '8: deployers: a name must not be empty'],
    [
      edited('solver: web,', `solver: web, preferredChain: ${long},`),
      '10: certificates[0].preferredChain must have at most 200 characters',
    ],
    [
      edited('directory: letsencrypt', `directory: ${long}`),
      `3: the directory "${cutLong}" is neither an https:// URL nor a known CA`,
    ],
    [
      edited('type: files', `type: ${long}`),
      expect.stringContaining(`8: there is no deployer "${cutLong}"; available`),
    ],
    [
      edited('deploy: [edge], e', `deploy: [${long}], e`),
      `10: the certificate "abc" names the deployer "${cutLong}", which is not declared`,
    ],
    [
      edited('listen: "', `${long}: "`),
      expect.stringContaining(`5: unknown key "${'x'.repeat(59)}…" in solvers.web; available`),
    ],
    [edited('type: files, ', ''), '8: "type" is missing in deployers.edge'],
    [edited(', path: /etc/haproxy/certs', ''), '8: "path" is missing in deployers.edge'],
  ])('names the line and the fix (%#)', async (text, problem) => {
    expect(await problemsIn(text)).toEqual([problem]);
  });

  it.each([
    [edited('ABC.example.com', 'a_b.example.com'), '10', 'identifier/invalid', 'underscore'],
    [
      edited('[ABC.example.com]', '[]'),
      '10',
      'identifier/empty-list',
      'no identifier was given for the certificate "abc"',
    ],
    [edited('ABC.example.com', '"*.abc.example.com"'), '10', 'identifier/wildcard-needs-dns', 'Use --dns PROVIDER'],
    [edited('ABC.example.com', 'abc.test'), '10', 'identifier/no-public-suffix', 'public CA letsencrypt'],
    [
      edited('example.com, "*', 'www.example.com, "*'),
      '11',
      'identifier/covered-by-wildcard',
      'Remove www.example.com.',
    ],
    [
      edited('example.com, "*.example.com"', '192.0.2.1'),
      '11',
      'identifier/ip-needs-http',
      'Use a solver that answers HTTP-01 or TLS-ALPN-01',
    ],
    [
      edited('ABC.example.com', Array.from({ length: 101 }, (_, i) => `n${i}.example.com`).join(',')),
      '10',
      'identifier/too-many',
      '101',
    ],
  ])('keeps the code of an identifier error (%#)', async (text, line, code, words) => {
    const { problems } = await checkConfiguration({ text, files: noFiles, env: {} });
    expect(problems.map((p) => [String(p.line), p.error?.code])).toEqual([[line, code]]);
    expect(problems[0]?.message).toContain(words);
    await expect(load(text)).rejects.toThrow(expect.objectContaining({ code: 'config/invalid', exitCode: 2 }));
  });

  it('lists all problems in the order of the file', async () => {
    const text = edited('solver: web', 'solver: wbe')
      .replace('listen', 'lissten')
      .replace('issuer: letsencrypt, solver: dns', 'solver: dns');
    await expect(load(text)).rejects.toThrow(
      'certfleet.yaml: 2 problems\n' +
        '  certfleet.yaml:5: unknown key "lissten" in solvers.web; did you mean "listen"?\n' +
        '  certfleet.yaml:10: the certificate "abc" names the solver "wbe", which is not declared',
    );
  });

  it('names the line of broken YAML and of a repeated key', async () => {
    expect((await problemsIn('store: {\n  type: file\nx'))[0]).toMatch(/^3: this is not valid YAML: /);
    expect((await problemsIn('leaseTtl: 1s\nleaseTtl: 2s\n'))[0]).toMatch(/^2: this is not valid YAML: dup/);
    expect(await problemsIn('- a')).toEqual(['1: the configuration must be a group of keys, not a list']);
  });
});

describe('external account binding', () => {
  const issuer = (settings: string) => `issuers:\n  ca:\n    directory: zerossl\n    ${settings}\n`;

  it.each([
    ['eab: { kid: k1, hmacKey: "file:/run/eab" }', { eab: { kid: 'k1', hmacKey: 'file:/run/eab' } }],
    ['eab: { kid: k1, hmacKey: "env:KEY", algorithm: HS512 }', { eab: { kid: 'k1', algorithm: 'HS512' } }],
    ['eab: { kid: k1 }', { eab: { kid: 'k1' } }],
    ['account: tenant-2', { account: 'tenant-2' }],
  ])('is read: %s', async (text, expected) => {
    expect((await load(issuer(text))).issuers['ca']).toMatchObject(expected);
  });

  it.each([
    ['agreeToTerms: true', 'opens accounts only for its customers'],
    ['eab: { kid: k1, hmacKey: "file:eab.key" }', 'expected an absolute path'],
    ['eab: { kid: "env:KID" }', 'expected the key ID itself'],
    ['eab: { hmacKey: "env:KEY" }', 'eab'],
    ['eab: { kid: k1, hmackey: x }', 'did you mean "hmacKey"?'],
    ['eab: { kid: k1, hmacKey: "env:PATH" }', 'put the secret into one with another name'],
  ])('is refused: %s', async (text, words) => {
    expect((await problemsIn(issuer(text))).join('\n')).toContain(words);
  });
});

describe('configurationJsonSchema', () => {
  // It takes a third of a second, and no test changes it.
  let made: ReturnType<typeof configurationJsonSchema> | undefined;
  const schemaOfAll = () => (made ??= configurationJsonSchema(registry));

  it('knows every adapter, and asks for no secret', async () => {
    const schema = (await schemaOfAll()) as unknown as {
      properties: Record<
        string,
        { additionalProperties: { oneOf: { properties: { type: { const: string } }; required: string[] }[] } }
      >;
    };
    const types = (key: string) =>
      schema.properties[key]?.additionalProperties.oneOf.map((branch) => branch.properties.type.const);
    // `dns01` once for each DNS provider, whose options differ, and for modules.
    const dns01 = [...Object.keys(registry.dns), 'a module'].map(() => 'dns01');
    const leaves = Object.entries(registry.solver).flatMap(([id, { through }]) => (through === undefined ? id : []));
    expect(types('solvers')).toEqual([...leaves, ...dns01, 'http01-forward-rule']);
    expect(types('deployers')).toEqual(Object.keys(registry.deployer));
    expect(JSON.stringify(schema)).not.toContain('"secret":true');
    // JSON Schema's own `duration` is ISO 8601 and would refuse `8s`.
    expect(JSON.stringify(schema)).not.toContain('"format":"duration"');
    expect(schema.properties['shutdownBudget']).toMatchObject({ type: 'string', default: '8s' });
  });

  it('agrees with the loader on the example and on an unknown key', async () => {
    const schema = z.fromJSONSchema((await schemaOfAll()) as never);
    const { load: parse } = await import('js-yaml');
    const value = parse(exampleText) as Record<string, unknown>;
    expect(schema.safeParse(value).success).toBe(true);
    expect(schema.safeParse({ ...value, certificate: [] }).success).toBe(false);
    expect(schema.safeParse({ ...value, solvers: { web: { type: 'http01-responder', lisen: '80' } } }).success).toBe(
      false,
    );
    for (const [more, isFine] of [
      [{ timeout: '5m', dns: { zone: 'example.com', nameservers: ['192.0.2.53'] } }, true],
      [{ timeout: 5 }, false],
      [{ dns: { zone: 'example.com' } }, false],
    ] as const) {
      const solvers = { dns: { type: 'dns01', provider: 'rfc2136', options: {}, ...more } };
      expect(schema.safeParse({ ...value, solvers: { ...(value['solvers'] as object), ...solvers } }).success).toBe(
        isFine,
      );
    }
  });

  it('has what all DNS providers share once', async () => {
    const text = JSON.stringify(await schemaOfAll());
    expect(text.split('How long to wait until every authoritative server')).toHaveLength(2);
    expect(text.split('Do not search for the zone')).toHaveLength(2);
  });
});

describe('a solver per identifier', () => {
  const own = (identifiers: string, rest = 'solver: web') =>
    whole.replace(
      'identifiers: [example.com, "*.example.com"], issuer: letsencrypt, solver: dns',
      `identifiers: ${identifiers}, issuer: letsencrypt, ${rest}`,
    );

  it.each([
    [
      '[www.example.com, { name: "*.Example.net", solver: dns }]',
      'solver: web',
      { solver: 'web', solvers: { '*.example.net': 'dns' } },
    ],
    [
      '[{ name: www.example.com, solver: web }, { name: "*.example.net", solver: dns }]',
      'profile: tls',
      { solver: 'web', solvers: { '*.example.net': 'dns' } },
    ],
    ['[{ name: "*.example.net", solver: dns }]', 'profile: tls', { solver: 'dns' }],
    ['[{ name: "*.example.net", solver: dns }]', 'solver: web', { solver: 'dns' }],
    ['[www.example.com, { name: www.example.net, solver: web }]', 'solver: web', { solver: 'web' }],
  ])('%s with %s', async (identifiers, rest, expected) => {
    const { solver, solvers } = (await load(own(identifiers, rest))).certificates[1]!;
    expect({ solver, ...present({ solvers }) }).toEqual(expected);
  });

  it.each([
    [
      '[{ name: a.example.com, solver: dsn }]',
      'solver: web',
      'the certificate "wildcard" names the solver "dsn", which is not declared; did you mean "dns"?',
    ],
    [
      '[a.example.com, { name: b.example.com, solver: dns }]',
      'profile: tls',
      'the certificate "wildcard" names no solver; choose one of web, dns',
    ],
    [
      '[{ name: "*.example.com", solver: web }, { name: a.example.net, solver: dns }]',
      'solver: web',
      'the wildcard "*.example.com" can be validated only over DNS, but web answers http-01',
    ],
    [
      '[a.example.com, { name: A.example.com, solver: dns }]',
      'solver: web',
      'lists a.example.com with the solvers "web" and "dns"; choose one',
    ],
    [
      '[{ name: a.example.com, solvr: dns }]',
      'solver: web',
      'unknown key "solvr" in certificates[1].identifiers[0]; did you mean "solver"?',
    ],
    ['[{ name: a.example.com }]', 'solver: web', '"solver" is missing in certificates[1].identifiers[0]'],
    [
      '[80]',
      'solver: web',
      'certificates[1].identifiers[0]: expected a name or an address in quotes, or one with its solver',
    ],
    ['[{ name: a..example.com, solver: dns }]', 'solver: web', '"a..example.com"'],
  ])('says what is wrong with %s', async (identifiers, rest, message) => {
    const problems = await problemsIn(own(identifiers, rest));
    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(problems[0]).toMatch(/^11: /);
  });
});

describe('zones that another solver changes', () => {
  const solvers = (zones: string) =>
    `solvers:
  web: { type: http01-webroot, folders: [/w] }
  other: { type: dns01, provider: rfc2136, options: { server: ns2, keyName: b, secret: "env:B" } }
  dns: { type: dns01, provider: rfc2136, options: { server: ns1, keyName: a, secret: "env:A" }, zones: ${zones} }
`;

  it('are stored with the settings of that solver', async () => {
    const settings = await load(solvers('{ Example.Net.: other }'));
    const dns = settings.solvers['dns']!;
    const { traits: _traits, ...own } = settings.solvers['other']!;
    const other = { kind: 'solver', ...own };
    expect(dns.uses).toEqual([other]);
    expect(zonesElsewhere(dns)).toEqual([{ zone: 'example.net', solver: other }]);
    const used = eachAdapterOf('solver', dns, registry);
    expect(used.map(({ kind, name, settings }) => [kind, name, settings['keyName']])).toEqual([
      ['dns', 'dns', 'a'],
      ['dns', 'other', 'b'],
    ]);
  });

  it.each([
    ['{ example.net: othr }', 'solvers.dns names the solver "othr", which is not declared; did you mean "other"?'],
    ['{ example.net: web }', 'the solver "web" cannot change the zone example.net; only one of type dns01 can'],
    ['{ "a..b": other }', 'must be the name of a zone, like example.net'],
    ['{ example.net: "" }', 'solvers.dns names the solver "", which is not declared'],
    ['{}, vantagePoints: [dns.google]', 'must be an IP address, with a port if it is not 53'],
    ['{}, ignoreNameservers: ns3', 'must be a list'],
  ])('%s is wrong', async (zones, message) => {
    expect(await problemsIn(solvers(zones))).toEqual([expect.stringContaining(message)]);
  });
});

describe('a stateless solver', () => {
  const stateless = (second: string, solver = 'web') =>
    whole
      .replace('web: { type: http01-responder, listen: "0.0.0.0:30080" }', 'web: { type: http01-stateless }')
      .replace('newAccount: true }', `newAccount: true }\n  second: ${second}`)
      .replace(
        'identifiers: [example.com, "*.example.com"], issuer: letsencrypt, solver: dns',
        `identifiers: [example.com], issuer: second, solver: ${solver}`,
      );
  const staging = '{ directory: letsencrypt-staging, agreeToTerms: true }';

  it('is refused with two accounts, because its proxies have the thumbprint of one key', async () => {
    expect(await problemsIn(stateless(staging))).toEqual([
      expect.stringContaining('the solver "web" is used with two accounts (letsencrypt, second)'),
    ]);
  });

  it.each([
    ['another name for the same account', stateless('{ directory: letsencrypt, agreeToTerms: true }')],
    ['another solver for the other account', stateless(staging, 'dns')],
  ])('may have %s', async (_what, text) => {
    expect((await load(text)).certificates).toHaveLength(2);
  });
});
