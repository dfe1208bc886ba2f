import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { textWithPlaces } from '../../src/cli/flags/values.ts';
import { errorTable } from '../../src/core/errors/error-table.ts';
import { exitCodeOfError } from '../../src/core/errors/errors.ts';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { type AcmeProxy, startAcmeProxy } from '../support/acme-proxy.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, filesBelow, type Ran, stderrOf } from '../support/e2e.ts';
import { startNginx } from '../support/nginx.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// Each mistake gets one sentence with the fix and its exit code, and changes nothing: no certificate, no key, no account
// in the store, no request to the CA that has an effect.

stopAllAfterwards();

let certfleet: Certfleet;
let ca: AcmeCa;
let proxy: AcmeProxy;

beforeAll(async () => {
  [certfleet, ca] = await Promise.all([buildCertfleet(), startAcmeCa()]);
  proxy = await startAcmeProxy({ directoryUrl: ca.directoryUrl, caFile: ca.caFile });
});

interface Tried extends Ran {
  readonly store: string;
  readonly config?: string | undefined;
}

/** Runs a command with a new store; `%` in an argument is its folder. */
async function attempt(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Tried> {
  const folder = await temporaryFolder('bad');
  const store = join(folder, 'store');
  const ran = await certfleet([...args, '--store', store], { env });
  const at = args.indexOf('--config');
  return { ...ran, store, config: at < 0 ? undefined : args[at + 1] };
}

/** One sentence, the fix, and where to read more; no stack; nothing stored but the failure of a declared certificate, and its run. */
async function expectRefused(
  ran: Tried,
  expected: { status: number; code: keyof typeof errorTable; sentence: RegExp; failing?: string },
) {
  expect([ran.status, ran.stdout], ran.stderr).toEqual([expected.status, '']);
  const text = stderrOf(ran);
  expect(text).toMatch(expected.sentence);
  expect(ran.stderr).not.toMatch(/^ +at |Error:|undefined|\[object|NaN/m);
  expect(text).toContain(`certfleet explain ${expected.code}`);
  // The fix is between the sentence and the link; if it has parameters, look for its constant part.
  const [fix = ''] = errorTable[expected.code].hint.split(/\{\w+\}/);
  // Its commands name what was named.
  const { store, config } = ran;
  expect(text).toContain(textWithPlaces(fix.trim(), { invocation: { args: [], flags: { store, config } } }));
  for (const kind of ['lineage', 'key', 'version', 'account', 'credential', 'token'] as const)
    expect([...(await documents(ran.store, kind)).keys()]).toEqual(
      expected.failing !== undefined && kind === 'lineage' ? [expected.failing] : [],
    );
  // A deletion marker stays for a day, so that its revision never comes back.
  for (const [name, content] of await filesBelow(ran.store))
    if (!content.toString().startsWith('certfleet 1 deleted '))
      expect(name).toMatch(expected.failing === undefined ? /\/meta\// : /\/(meta|lineage|history)\//);
}

const names = (count: number) => Array.from({ length: count }, (_, at) => `n${at}.example.com`).join(',');
const rfc2136 = ['--dns', 'rfc2136', '--dns-option', 'server=127.0.0.1:1', '--dns-option', 'keyName=acme'];
const withSecret = { CERTFLEET_RFC2136_SECRET: Buffer.alloc(32).toString('base64') };

describe('by flags', () => {
  const standalone = ['--http', 'standalone:127.0.0.1:1'];
  const cases: readonly (readonly [string, readonly string[], keyof typeof errorTable, RegExp])[] = [
    ['an empty list', [], 'identifier/empty-list', /no identifier was given/],
    [
      'a variable with the name of an inherited property',
      ['-d', 'www.example.com', ...standalone, '--store-key', 'env:constructor'],
      'store/key-unusable',
      /the environment variable constructor is not set/,
    ],
    ['101 names', ['-d', names(101), ...standalone], 'identifier/too-many', /101 identifiers, .* at most 100/],
    [
      'an underscore',
      ['-d', 'a_b.example.com', ...standalone],
      'identifier/invalid',
      /"a_b\.example\.com" is not a valid DNS name/,
    ],
    [
      'a URL',
      ['-d', 'https://www.example.com/', ...standalone],
      'identifier/invalid',
      /"https:\/\/www\.example\.com\/" is not a valid/,
    ],
    [
      'two dots',
      ['-d', 'www..example.com', ...standalone],
      'identifier/invalid',
      /"www\.\.example\.com" is not a valid/,
    ],
    [
      'a star inside',
      ['-d', 'www.*.example.com', ...rfc2136],
      'identifier/invalid',
      /"www\.\*\.example\.com" is not a valid/,
    ],
    [
      'a label of 64',
      ['-d', `${'x'.repeat(64)}.example.com`, ...standalone],
      'identifier/invalid',
      /is not a valid DNS name/,
    ],
    [
      'no public suffix',
      ['-d', 'server.corp', '--issuer', 'letsencrypt', ...standalone],
      'identifier/no-public-suffix',
      /"server\.corp" is not under a public suffix.*letsencrypt/,
    ],
    [
      'a public suffix itself',
      ['-d', 'co.uk', '--issuer', 'letsencrypt', ...standalone],
      'identifier/no-public-suffix',
      /"co\.uk"/,
    ],
    [
      'www.x beside *.x',
      ['-d', 'www.example.com,*.example.com', ...rfc2136],
      'identifier/covered-by-wildcard',
      /"www\.example\.com" is already covered by "\*\.example\.com"/,
    ],
    [
      'a wildcard with HTTP-01',
      ['-d', '*.example.com', ...standalone],
      'identifier/wildcard-needs-dns',
      /"\*\.example\.com" can be validated only over DNS/,
    ],
    [
      'an IP address with DNS-01',
      ['-d', '192.0.2.1', ...rfc2136],
      'identifier/ip-needs-http',
      /"192\.0\.2\.1" cannot be validated over DNS \(RFC 8738/,
    ],
  ];
  it.each(sampled(cases, 2, 'bad flags'))('%s', async (_what, args, code, sentence) => {
    const seen = ca.requests.length;
    const common =
      args.includes('--issuer') || args.length === 0 ? [] : ['--issuer', ca.directoryUrl, '--ca-file', ca.caFile];
    await expectRefused(
      await attempt(['issue', ...args, ...common, ...(args.length > 0 ? ['--agree-tos'] : [])], withSecret),
      { status: exitCodeOfError(code), code, sentence },
    );
    expect(ca.requests.length).toBe(seen);
  });

  it('a missing credential', async () => {
    const ran = await attempt(['issue', '-d', 'example.com', '--agree-tos', ...rfc2136]);
    const sentence = /rfc2136 is missing the credential "secret" \(CERTFLEET_RFC2136_SECRET\)/;
    await expectRefused(ran, { status: 2, code: 'config/credential-missing', sentence });
  });

  itDrawn('a secret on the command line', async () => {
    const ran = await attempt(['issue', '-d', 'example.com', ...rfc2136, '--dns-option', 'secret=c2VjcmV0']);
    await expectRefused(ran, {
      status: 2,
      code: 'usage/secret-visible',
      sentence: /every user of this machine can see a secret on the command line; use secret=file:\/path/,
    });
    expect(ran.stderr).not.toContain('c2VjcmV0');
  });

  it('a CA whose terms were not agreed to', async () => {
    const terms = 'https://ca.example/terms';
    const rewrite = (json: { meta?: object }) => ({ ...json, meta: { ...json.meta, termsOfService: terms } });
    const fault = proxy.fault({ on: 'directory', times: Number.POSITIVE_INFINITY, what: { type: 'rewrite', rewrite } });
    const args = ['--issuer', proxy.directoryUrl, '--ca-file', proxy.caFile];
    const ran = await attempt(['issue', '-d', 'www.example.com', ...args]);
    fault.remove();
    const sentence = /requires you to agree to its terms of service \(https:\/\/ca\.example\/terms\)/;
    await expectRefused(ran, { status: 2, code: 'config/terms-not-agreed', sentence });
    expect([proxy.accepted('newAccount'), proxy.accepted('newOrder')]).toEqual([0, 0]);
  });

  itDrawn('an unreachable directory', async () => {
    const url = `https://127.0.0.1:${await freePort()}/directory`;
    const ran = await attempt(['issue', '-d', 'www.example.com', '--issuer', url, '--agree-tos']);
    const sentence =
      / www\.example\.com: the directory https:\/\/127\.0\.0\.1:\d+\/directory cannot be reached: .*connection refused/;
    await expectRefused(ran, { status: 4, code: 'acme/directory-unreachable', sentence });
  });

  itDrawn('a directory whose root is not trusted', async () => {
    const ran = await attempt(['issue', '-d', 'www.example.com', '--issuer', ca.directoryUrl, '--agree-tos']);
    await expectRefused(ran, {
      status: 4,
      code: 'acme/directory-unreachable',
      sentence: /cannot be reached: .*certificate/,
    });
  });

  itDrawn('a page that is not a directory', async () => {
    const args = ['--issuer', `${ca.url}/nothing`, '--ca-file', ca.caFile, '--agree-tos'];
    const ran = await attempt(['issue', '-d', 'www.example.com', ...args]);
    await expectRefused(ran, {
      status: 4,
      code: 'acme/not-a-directory',
      sentence: /\/nothing is not an ACME directory/,
    });
  });

  it.each(sampled([-95, 95], 1, 'clocks'))('a CA whose Date header is %i minutes off', async (minutes) => {
    const date = new Date(Date.now() + minutes * 60_000).toUTCString();
    const fault = proxy.fault({
      on: 'directory',
      times: Number.POSITIVE_INFINITY,
      what: { type: 'headers', set: { date } },
    });
    const args = ['--issuer', proxy.directoryUrl, '--ca-file', proxy.caFile, '--agree-tos'];
    const ran = await attempt(['issue', '-d', 'www.example.com', ...args]);
    fault.remove();
    await expectRefused(ran, {
      status: 4,
      code: 'acme/clock-skew',
      sentence: /this machine’s clock differs from the CA’s \(\S+\) by 9[45] minutes/,
    });
    expect(fault.hits).toBeGreaterThan(0);
    expect([proxy.accepted('newAccount'), proxy.accepted('newOrder')]).toEqual([0, 0]);
  });
});

describe('in the configuration', () => {
  const good = () => [
    'issuers:',
    `  own: { directory: "${ca.directoryUrl}", caFile: "${ca.caFile}", agreeToTerms: true }`,
    'solvers:',
    '  web: { type: http01-responder, listen: "127.0.0.1:1" }',
    '  dns: { type: dns01, provider: rfc2136, options: { server: "127.0.0.1:1", keyName: acme, secret: "file:/none" } }',
    'certificates:',
    '  - name: abc',
    '    identifiers: [abc.example.com]',
    '    solver: web',
  ];
  const replaced = (line: string, by: string) => good().map((one) => (one.includes(line) ? by : one));
  const cases: readonly (readonly [string, () => readonly string[], RegExp])[] = [
    [
      'an empty list',
      () => replaced('identifiers', '    identifiers: []'),
      /:8: no identifier was given for the certificate "abc"/,
    ],
    [
      '101 names',
      () => replaced('identifiers', `    identifiers: [${names(101)}]`),
      /:8: the certificate has 101 identifiers, .* at most 100/,
    ],
    [
      'an invalid name',
      () => replaced('identifiers', '    identifiers: [a_b.example.com]'),
      /:8: "a_b\.example\.com" is not a valid DNS name/,
    ],
    [
      'no public suffix',
      () => [
        ...replaced('own:', '  own: { directory: letsencrypt, agreeToTerms: true }').map((line) =>
          line.replace('abc.example.com', 'abc.corp'),
        ),
      ],
      /:8: "abc\.corp" is not under a public suffix/,
    ],
    [
      'www.x beside *.x',
      () =>
        replaced('identifiers', '    identifiers: [www.example.com, "*.example.com"]').map((line) =>
          line.replace('solver: web', 'solver: dns'),
        ),
      /:8: "www\.example\.com" is already covered/,
    ],
    [
      'a wildcard with HTTP-01',
      () => replaced('identifiers', '    identifiers: ["*.example.com"]'),
      /:8: the wildcard "\*\.example\.com" can be validated only over DNS/,
    ],
    [
      'an IP address with DNS-01',
      () =>
        replaced('identifiers', '    identifiers: ["192.0.2.1"]').map((line) =>
          line.replace('solver: web', 'solver: dns'),
        ),
      /:8: the IP address "192\.0\.2\.1" cannot be validated over DNS \(RFC 8738/,
    ],
    ['an unknown key', () => [...good(), '    deploi: [edge]'], /:10: .*"?deploi"?.*did you mean "deploy"\?/],
    [
      'an unknown key at the top',
      () => ['certificats: []', ...good()],
      /:1: .*"?certificats"?.*did you mean "certificates"\?/,
    ],
    [
      'an unknown option of a solver',
      () => replaced('web:', '  web: { type: http01-responder, lisen: "127.0.0.1:1" }'),
      /:4: .*"?lisen"?.*did you mean "listen"\?/,
    ],
    [
      'a solver that is not declared',
      () => replaced('solver: web', '    solver: wbe'),
      /:9: .*"wbe", which is not declared; did you mean "web"\?/,
    ],
    ['no YAML', () => ['issuers: [', ...good()], /certfleet\.yaml:\d+: /],
  ];
  it.each(sampled(cases, 2, 'bad configurations'))('%s', async (_what, lines, sentence) => {
    const config = join(await temporaryFolder('bad'), 'certfleet.yaml');
    await writeFile(config, `${lines().join('\n')}\n`);
    const seen = ca.requests.length;
    for (const command of [['issue'], ['renew']]) {
      const ran = await attempt([...command, '--config', config]);
      await expectRefused(ran, { status: 2, code: 'config/invalid', sentence });
      expect(stderrOf(ran)).toContain(`${config}:`);
    }
    expect(ca.requests.length).toBe(seen);
    const checked = await certfleet(['config', 'check', '--config', config]);
    expect(checked.status).toBe(2);
    expect(checked.stdout).toMatch(sentence);
  });

  itDrawn('a missing credential, and a missing secret file', async () => {
    const folder = await temporaryFolder('bad');
    const config = join(folder, 'certfleet.yaml');
    const dns = (options: string) =>
      replaced(
        'dns:',
        `  dns: { type: dns01, provider: rfc2136, options: { server: "127.0.0.1:1", keyName: acme${options} } }`,
      ).map((line) => line.replace('solver: web', 'solver: dns'));
    await writeFile(config, dns('').join('\n'));
    const sentence = /is missing the credential "secret".*CERTFLEET_RFC2136_SECRET/;
    await expectRefused(await attempt(['issue', '--config', config]), {
      status: 2,
      code: 'config/credential-missing',
      ...{ sentence, failing: 'abc' },
    });
    await writeFile(config, dns(', secret: "file:/nowhere/tsig"').join('\n'));
    await expectRefused(await attempt(['issue', '--config', config]), {
      status: 2,
      code: 'config/secret-unreadable',
      ...{ sentence: /the secret file \/nowhere\/tsig cannot be read: no such file/, failing: 'abc' },
    });
  });
});

describe('the machine', () => {
  describeWith(['nginx'], 'a port that another program has', () => {
    it('names the program', async () => {
      const nginx = await startNginx();
      const args = [
        '--issuer',
        proxy.directoryUrl,
        '--ca-file',
        proxy.caFile,
        '--agree-tos',
        '--http01-port',
        String(nginx.httpPort),
      ];
      const ran = await attempt([
        'issue',
        '-d',
        'localhost.example.com',
        ...args,
        '--http',
        `standalone:127.0.0.1:${nginx.httpPort}`,
        '--resolver',
        '127.0.0.1:1',
      ]);
      expect(ran.status, ran.stderr).toBe(5);
      expect(stderrOf(ran)).toMatch(
        new RegExp(
          `the responder cannot listen on 127\\.0\\.0\\.1:${nginx.httpPort}: .*nginx.* is using the port Stop that program`,
        ),
      );
      expect(proxy.accepted('newOrder')).toBe(0);
    });
  });

  it('a store that is a file', async () => {
    const file = join(await temporaryFolder('bad'), 'store');
    await writeFile(file, 'not a folder');
    const ran = await certfleet(['issue', '-d', 'www.example.com', '--agree-tos', '--store', file]);
    expect([ran.status, ran.stdout]).toEqual([7, '']);
    expect(stderrOf(ran)).toMatch(/^certfleet: the store \S+ cannot be used: .* certfleet explain store\/unusable/);
    expect((await filesBelow(join(file, '..'))).get(file)?.toString()).toBe('not a folder');
  });

  itDrawn('a disk that is full, and one that is read-only', async (context) => {
    const folder = join(await temporaryFolder('bad'), 'disk');
    await mkdir(folder);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      noteSkipped('not tested: the command line on a full and on a read-only disk (mounting a tmpfs needs root)');
      return context.skip();
    }
    atEnd(() => void execFileSync('umount', [folder]));
    const issue = () =>
      certfleet([
        'issue',
        '-d',
        'www.example.com',
        '--issuer',
        proxy.directoryUrl,
        '--ca-file',
        proxy.caFile,
        '--agree-tos',
        '--store',
        join(folder, 'store'),
      ]);
    const seen = proxy.requests.length;
    const filler = join(folder, 'filler');
    await writeFile(filler, Buffer.alloc(20 * 1024 * 1024));
    const full = await issue();
    expect([full.status, full.stdout], full.stderr).toEqual([7, '']);
    expect(stderrOf(full)).toMatch(/the disk is full: \S+ MiB are free, but 16 MiB are needed/);
    await rm(filler);
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    const readOnly = await issue();
    expect([readOnly.status, readOnly.stdout]).toEqual([7, '']);
    expect(stderrOf(readOnly)).toMatch(/the file system is read-only/);
    expect(proxy.requests.length).toBe(seen);
  });
});
