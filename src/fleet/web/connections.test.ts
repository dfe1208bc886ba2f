import { expect, it } from 'vitest';
import { declaredCertificates, declaredConnections } from '../../compose/declarations.ts';
import { ruleSolverFor } from '../../config/adapters/referred-adapters.ts';
import { shownSettings } from '../../config/adapters/shown-settings.ts';
import { knownType, offeredTypes } from '../../config/settings/connection-types.ts';
import { settingsIn } from '../../config/settings/settings.ts';
import type { Role } from '../../core/access/role.ts';
import { CertfleetError, fail } from '../../core/errors/errors.ts';
import type { ConnectionSection } from '../../core/spec/connection.ts';
import { registry } from '../../generated/registry.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { openSources } from '../sources.ts';
import { createConnections } from './connections.ts';
import { createDeclarations } from './declarations.ts';

const { signal } = new AbortController();

const file = {
  issuers: { ca: { directory: 'https://ca.example/', agreeToTerms: true, test: true } },
  balancers: {
    slb: {
      type: 'alibaba-clb',
      region: 'cn-x',
      loadBalancer: 'lb-1',
      accessKeySecret: 'tell-nobody',
      accessKeyId: 'id',
    },
  },
  solvers: {
    web: { type: 'http01-webroot', folders: ['/srv'] },
    hook: { type: 'command', present: ['/bin/x', 'tell-nobody'] },
  },
  alarms: { ops: { type: 'webhook', url: 'https://example.com/tell-nobody' } },
};

/** Connections beside a file, as one user of that role changes them. */
async function open({
  pages = {},
  takesSecrets = true,
}: {
  readonly pages?: object;
  readonly takesSecrets?: boolean;
} = {}) {
  const own = { ...file, pages: { listen: '127.0.0.1:8443', ...pages } };
  const { settings, problems } = await settingsIn(own, { env: {}, registry });
  expect(problems).toEqual([]);
  const [store, clock] = [createMemoryStore(), fakeClock()];
  const engine = { store, clock, reporter: { report() {} } };
  const check: Parameters<typeof openSources>[1]['check'] = (entries, of, now) =>
    declaredCertificates(entries, of, { env: {} }, now);
  const sources = await openSources(
    settings!,
    { engine, check, checkConnections: declaredConnections, changed() {} },
    signal,
  );
  const acts: string[] = [];
  const audit = {
    record: async (_by: object, { what, object, result }: Readonly<Record<'what' | 'object' | 'result', string>>) =>
      void acts.push(`${what} ${object}: ${result}`),
  };
  const connections = createConnections({
    ...{ engine, sources, audit },
    composed: {
      connectionTypes: (section) => offeredTypes(section, sources.settings(), registry),
      connectionType: (section, chosen) => knownType(section, chosen, registry),
      checkConnections: declaredConnections,
      shown: () => shownSettings(sources.settings(), registry),
      ruleSolver: async (name) => ruleSolverFor(sources.settings(), name),
      takesSecrets,
    },
    tryOut: async ({ name }, zone) =>
      zone === undefined
        ? { ok: true, steps: [] }
        : { ok: false, steps: [], failure: fail('config/not-declared', { name }) },
  });
  const certificates = createDeclarations({ engine, sources, audit, checkDeclarations: check });
  const as = (role: Role) => ({ who: { name: 'mia', role, via: 'login' } as const, from: '192.0.2.1' });
  return {
    ...{ connections, certificates, sources, acts, store, as },
    /** Declares one. Returns what is wrong, or the code of the failure. */
    async declare(
      section: ConnectionSection,
      name: string,
      settings: object,
      { role = 'operator' as Role, ifRevision = undefined as string | null | undefined } = {},
    ) {
      try {
        const done = await connections.declare(
          as(role),
          { section, name, settings: { ...settings }, ifRevision },
          signal,
        );
        return 'wrong' in done ? done.wrong : 'done';
      } catch (error) {
        return error instanceof CertfleetError ? error.code : error;
      }
    },
    async remove(section: ConnectionSection, name: string, role: Role = 'operator') {
      return connections.remove(as(role), { section, name }, signal).then(
        () => 'done',
        (error: unknown) => (error instanceof CertfleetError ? error.code : error),
      );
    },
    async raw(section: ConnectionSection, name: string) {
      const entry = await store.get({ kind: 'declared', name: `${section}~${name}` }, signal);
      return entry && JSON.parse(Buffer.from(entry.bytes).toString());
    },
  };
}

const dns = {
  type: 'dns01',
  provider: 'rfc2136',
  options: { server: 'ns1.example.com', keyName: 'acme', secret: 'c2VjcmV0' },
};
const cloudflare = { type: 'dns01', provider: 'cloudflare', options: { token: 'T0ken' } };
const clb = {
  type: 'alibaba-clb',
  region: 'cn-x',
  loadBalancer: 'lb-2',
  accessKeyId: 'id',
  accessKeySecret: 'secret',
  'backend.serverId': 'i-1',
};

it('declares a connection, which certificates may name at once, and shows no secret', async () => {
  const { connections, certificates, declare, sources, acts, as, raw } = await open();
  expect(await declare('solvers', 'dns', { ...dns, timeout: '2m', 'options.ttl': '120' })).toBe('done');
  const [view] = (await connections.list(signal)).filter(({ declaredIn }) => declaredIn === 'store');
  expect(view).toEqual({
    ...{
      section: 'solvers',
      name: 'dns',
      type: 'dns01',
      provider: 'rfc2136',
      declaredIn: 'store',
      canTest: true,
      leadsKeys: false,
    },
    options: { 'options.server': 'ns1.example.com', 'options.keyName': 'acme', 'options.ttl': 120, timeout: '2m' },
    secrets: ['options.secret'],
    ...{ certificates: [], certificateCount: 0, usedBy: [], by: 'mia' },
    ...{ at: expect.stringMatching(/^20/), revision: expect.any(String) },
  });
  expect(sources.settings().solvers['dns']!.settings).toEqual({
    ...{ type: 'dns01', provider: 'rfc2136', timeout: '2m' },
    options: { ...dns.options, ttl: 120, asWritten: true },
  });
  expect((await raw('solvers', 'dns')).settings).toEqual({
    ...dns,
    timeout: '2m',
    options: { ...dns.options, ttl: 120 },
  });
  const certificate = { identifiers: ['*.a.example'], issuer: 'ca', solver: 'dns' };
  await certificates.declare(as('operator'), { name: 'a', certificate }, signal);
  expect(sources.settings().certificates.map(({ name, solver }) => [name, solver])).toEqual([['a', 'dns']]);
  expect(await connections.get('solvers', 'dns', signal)).toMatchObject({ certificates: ['a'], certificateCount: 1 });
  expect(acts).toEqual(['connection.declare solvers.dns: done', 'certificate.declare a: done']);
});

it('shows those of the file without secrets, and lets the file win', async () => {
  const { connections, declare, remove } = await open();
  const all = await connections.list(signal);
  expect(all.map(({ section, name, declaredIn }) => `${section}.${name} ${declaredIn}`)).toEqual([
    ...['issuers.ca file', 'balancers.slb file', 'solvers.hook file', 'solvers.web file', 'alarms.ops file'],
  ]);
  expect(JSON.stringify(all)).not.toContain('tell-nobody');
  expect(all[1]).toMatchObject({ options: { region: 'cn-x' }, secrets: ['accessKeyId', 'accessKeySecret'] });
  expect(await declare('alarms', 'ops', { type: 'slack', url: 'https://hooks.slack.com/services/x' })).toBe(
    'config/declared-in-file',
  );
  expect(await remove('alarms', 'ops')).toBe('config/declared-in-file');
});

it.each<readonly [why: string, section: ConnectionSection, settings: object, fields: readonly string[]]>([
  ['an unknown type', 'solvers', { type: 'dns02' }, ['type']],
  ['no type', 'alarms', {}, ['type']],
  ['a program', 'solvers', { type: 'command', present: ['/bin/sh'] }, ['type']],
  ['a person', 'solvers', { type: 'dns01', provider: 'manual' }, ['provider']],
  ['a module', 'solvers', { type: 'dns01', module: '/tmp/x.js' }, ['type']],
  ['a module as provider', 'solvers', { type: 'dns01', provider: '/tmp/x.js' }, ['provider']],
  ['a path', 'solvers', { ...cloudflare, 'options.credentials': '/etc/x' }, ['options.credentials']],
  [
    'a program among options',
    'solvers',
    { type: 'dns01', provider: 'route53', options: { credentialProcess: 'sh' } },
    ['options.credentialProcess'],
  ],
  ['a file as secret', 'solvers', { ...cloudflare, options: { token: 'file:/etc/shadow' } }, ['options.token']],
  ['a variable as secret', 'solvers', { ...cloudflare, options: { token: 'env:HOME' } }, ['options.token']],
  ['a variable as option', 'issuers', { directory: 'env:CA', agreeToTerms: true }, ['directory']],
  [
    'a variable in a list',
    'solvers',
    { ...dns, 'dns.zone': 'x.example', 'dns.nameservers': 'env:X' },
    ['dns.nameservers'],
  ],
  ['roots in a file', 'issuers', { directory: 'https://ca.example/', caFile: '/etc/x' }, ['caFile']],
  ['the mark of what is literal', 'solvers', { ...cloudflare, asWritten: false }, ['']],
  ['no secret', 'solvers', { type: 'dns01', provider: 'desec' }, ['options.token']],
  ['half of a key', 'balancers', { ...clb, accessKeySecret: '' }, ['accessKeySecret']],
  [
    'a key id without its key',
    'issuers',
    { directory: 'https://ca.example/', agreeToTerms: true, eab: { kid: 'k' } },
    ['eab.hmacKey'],
  ],
  ['a number that is none', 'solvers', { ...dns, 'options.ttl': 'long' }, ['options.ttl']],
  ['a secret URL that is none', 'alarms', { type: 'slack', url: 'hooks' }, ['url']],
  ['a balancer that is not declared', 'solvers', { type: 'http01-forward-rule', balancer: 'x' }, ['balancer']],
  [
    'what the machine has, at another address',
    'solvers',
    { type: 'dns01', provider: 'google', 'options.endpoint': 'https://evil.example' },
    ['options.endpoint'],
  ],
  ['text that no file can have', 'issuers', { directory: 'https://ca.example/\0' }, ['directory']],
])('refuses %s', async (_why, section, settings, fields) => {
  const { connections, declare, acts, raw } = await open();
  const wrong = await connections.check({ section, name: 'x', settings: { ...settings } }, signal);
  expect(Object.keys(wrong ?? {})).toEqual(fields);
  expect(await declare(section, 'x', settings)).toEqual(wrong);
  expect(JSON.stringify(wrong)).not.toContain('T0ken');
  expect(acts).toEqual([`connection.declare ${section}.x: refused`]);
  expect(await raw(section, 'x')).toBeUndefined();
});

it('keeps secrets that are left out, but not for another address or type', async () => {
  const { declare, raw } = await open();
  const secretsOf = async () => (await raw('solvers', 'dns')).settings.options;
  await declare('solvers', 'dns', dns);
  const { secret: _left, ...rest } = dns.options;
  expect(await declare('solvers', 'dns', { ...dns, options: { ...rest, ttl: 300, secret: '' } })).toBe('done');
  expect(await secretsOf()).toMatchObject({ ttl: 300, secret: 'c2VjcmV0' });
  const elsewhere = { ...dns, options: { ...rest, server: 'evil.example' } };
  expect(Object.keys((await declare('solvers', 'dns', elsewhere)) as object)).toEqual(['options.secret']);
  expect(await secretsOf()).toMatchObject({ server: 'ns1.example.com' });
  expect(await declare('solvers', 'dns', { ...elsewhere, 'options.secret': 'b3RoZXI=' })).toBe('done');
  // Another type takes nothing over.
  expect(await declare('solvers', 'dns', cloudflare)).toBe('done');
  expect(await secretsOf()).toEqual({ token: 'T0ken' });
  // A secret that is an address itself.
  const hook = { type: 'webhook', url: 'https://a.example/1', secretHeaders: 'Authorization: x' };
  expect(await declare('alarms', 'hook', hook)).toBe('done');
  expect(await declare('alarms', 'hook', { type: 'webhook', headers: { 'X-A': 'b' } })).toBe('done');
  expect((await raw('alarms', 'hook')).settings).toEqual({ ...hook, headers: { 'X-A': 'b' } });
  expect(
    Object.keys((await declare('alarms', 'hook', { type: 'webhook', url: 'https://b.example/' })) as object),
  ).toEqual(['secretHeaders']);
  expect(await declare('alarms', 'hook', { type: 'webhook', url: 'https://b.example/', secretHeaders: null })).toBe(
    'done',
  );
  expect((await raw('alarms', 'hook')).settings).toEqual({ type: 'webhook', url: 'https://b.example/' });
});

it('takes no secret into a store without a key', async () => {
  const { declare } = await open({ takesSecrets: false });
  expect(await declare('solvers', 'dns', dns)).toEqual({
    'options.secret': expect.stringContaining('certfleet store key FILE'),
  });
  expect(
    await declare('issuers', 'le', {
      directory: 'letsencrypt',
      agreeToTerms: 'true',
      email: 'a@example.com, b@example.com',
    }),
  ).toBe('done');
});

const push = { type: 'webhook', url: 'https://deploy.example/' };

it.each<readonly [role: Role, changeTargets: boolean, deployer: string, solver: string]>([
  ['viewer', true, 'access/role', 'access/role'],
  ['operator', true, 'access/role', 'done'],
  ['admin', false, 'access/fixed-targets', 'done'],
  ['admin', true, 'done', 'done'],
])('lets a %s with changeTargets %s declare what it may', async (role, changeTargets, deployer, solver) => {
  const { declare, remove, acts, raw } = await open({ pages: { changeTargets } });
  expect(await declare('deployers', 'push', push, { role })).toBe(deployer);
  expect(await declare('solvers', 'dns', dns, { role })).toBe(solver);
  expect(await raw('deployers', 'push')).toEqual(deployer === 'done' ? expect.anything() : undefined);
  expect(await remove('deployers', 'push', role)).toBe(deployer);
  expect(acts).toEqual([
    `connection.declare deployers.push: ${deployer}`,
    `connection.declare solvers.dns: ${solver}`,
    `connection.remove deployers.push: ${deployer}`,
  ]);
});

it('lets operators change a balancer only while no deployer sends keys to it', async () => {
  const { declare, remove, store } = await open({ pages: { changeTargets: true } });
  expect(await declare('balancers', 'edge', clb)).toBe('done');
  expect(await declare('deployers', 'edge', { type: 'alibaba-clb', balancer: 'edge' }, { role: 'admin' })).toBe('done');
  expect(await declare('balancers', 'edge', { ...clb, loadBalancer: 'lb-evil' })).toBe('access/role');
  expect(await declare('balancers', 'edge', { ...clb, loadBalancer: 'lb-3' }, { role: 'admin' })).toBe('done');
  expect(await remove('balancers', 'edge', 'admin')).toBe('config/connection-in-use');
  // Also if the deployer does not fit at the moment.
  const key = { kind: 'declared', name: 'balancers~edge' } as const;
  await store.delete(key, { ifRevision: (await store.get(key, signal))!.revision, signal });
  expect(await declare('balancers', 'edge', { ...clb, loadBalancer: 'lb-evil' })).toBe('access/role');
});

it('removes what nothing uses, and makes no other declaration wrong', async () => {
  const { declare, remove, certificates, as, sources } = await open();
  await declare('solvers', 'dns', dns);
  const certificate = { identifiers: ['a.example'], solver: 'dns' };
  await certificates.declare(as('operator'), { name: 'a', certificate }, signal);
  expect(await remove('solvers', 'dns')).toBe('config/connection-in-use');
  // The certificate names no issuer, as long as there is only one.
  const le = { directory: 'letsencrypt', agreeToTerms: true };
  expect(await declare('issuers', 'le', le)).toEqual({
    '': expect.stringContaining('a; the first says: the certificate "a" names no issuer'),
  });
  await declare('solvers', 'dns', { type: 'http01-responder' });
  await certificates.declare(
    as('operator'),
    { name: 'a', certificate: { ...certificate, identifiers: ['*.a.example'] } },
    signal,
  );
  await certificates.remove(as('operator'), { name: 'a' }, signal);
  expect(await remove('solvers', 'dns')).toBe('done');
  expect(await remove('solvers', 'dns')).toBe('config/not-declared');
  expect(await declare('issuers', 'le', le)).toBe('done');
  expect(Object.keys(sources.settings().issuers)).toEqual(['ca', 'le']);
});

it('lets nothing happen to what has changed since', async () => {
  const { connections, declare } = await open();
  expect(await declare('solvers', 'dns', dns, { ifRevision: 'x' })).toBe('config/declaration-changed');
  expect(await declare('solvers', 'dns', dns, { ifRevision: null })).toBe('done');
  expect(await declare('solvers', 'dns', dns, { ifRevision: null })).toBe('config/declaration-changed');
  const { revision } = (await connections.get('solvers', 'dns', signal))!;
  expect(await declare('solvers', 'dns', cloudflare, { ifRevision: revision })).toBe('done');
  const name = expect.stringContaining('a name is');
  expect(await declare('solvers', 'A b', dns)).toEqual({ name });
  // All that is wrong is said at once.
  const settings = { ...dns, 'options.ttl': 'x', 'options.server': 'a b' };
  const request = { section: 'solvers', name: '__proto__', settings } as const;
  const wrong = { name, 'options.ttl': expect.any(String), 'options.server': expect.any(String) };
  expect(await declare(request.section, request.name, settings)).toEqual(wrong);
  expect(await connections.check(request, signal)).toEqual(wrong);
});

it('refuses what does not fit any longer, and nothing else', async () => {
  const { connections, declare, sources, store } = await open();
  await declare('balancers', 'edge', clb);
  await declare('solvers', 'rule', { type: 'http01-forward-rule', balancer: 'edge' });
  await declare('alarms', 'chat', { type: 'slack', url: 'https://hooks.slack.com/services/x' });
  const write = async (name: string, text: string) => {
    const revision = (await store.get({ kind: 'declared', name }, signal))?.revision ?? null;
    await store.put({ kind: 'declared', name }, Buffer.from(text), { ifRevision: revision, signal });
  };
  await write('balancers~edge', '{"schema":1,"settings":{"type":"nginx"},"by":"mia","at":"now"}');
  await write('deployers~damaged', 'x');
  const refused = async () =>
    (await connections.list(signal)).flatMap((one) =>
      one.refused === undefined ? [] : [`${one.section}.${one.name}`],
    );
  expect(await refused()).toEqual(['balancers.edge', 'solvers.rule', 'deployers.damaged']);
  expect(Object.keys(sources.settings().alarms)).toEqual(['ops', 'chat']);
  expect(sources.store.problem()?.message).toMatch(
    /^the declaration of deployers\.damaged in the store is refused, and so are 2 more/,
  );
  expect(await connections.get('deployers', 'damaged', signal)).toMatchObject({
    type: '',
    options: {},
    refused: expect.stringContaining('damaged'),
  });
});

it('tries what is declared, and writes down how that ended', async () => {
  const { connections, acts, as } = await open();
  const attempt = (section: ConnectionSection, name: string, zone?: string, role: Role = 'operator') =>
    connections.test(as(role), { section, name, zone }, signal).catch((error: CertfleetError) => error.code);
  expect(await attempt('alarms', 'ops')).toEqual({ ok: true, steps: [] });
  expect(await attempt('solvers', 'hook', 'a.example')).toMatchObject({ ok: false });
  expect(await attempt('solvers', 'none')).toBe('config/not-declared');
  expect(await attempt('alarms', 'ops', undefined, 'viewer')).toBe('access/role');
  expect(acts).toEqual([
    'connection.test alarms.ops: done',
    'connection.test solvers.hook: config/not-declared',
    'connection.test solvers.none: config/not-declared',
    'connection.test alarms.ops: access/role',
  ]);
});

it('answers what is nested deeply like any wrong input', async () => {
  const { declare } = await open();
  const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
  const group = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`);
  for (const value of [deep, group])
    for (const settings of [
      { type: 'webhook', url: 'https://a.example/', headers: value },
      { ...dns, zones: value },
      value,
      { ...dns, options: value },
      { type: value },
      { ...dns, provider: value },
    ])
      expect(
        await declare('type' in settings && settings.type === 'webhook' ? 'alarms' : 'solvers', 'x', settings),
      ).toEqual({ '': expect.stringContaining('too large') });
});
