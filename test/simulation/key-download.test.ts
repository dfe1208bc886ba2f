import { expect, it } from 'vitest';
import { createAccess } from '../../src/access/access.ts';
import type { Who } from '../../src/core/access/role.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { EngineProcess } from '../../src/engine/engine.ts';
import { createKeys } from '../../src/fleet/web/keys.ts';
import type { Store } from '../../src/ports/store.ts';
import { pki } from '../../src/x509/pki.ts';
import { quickPasswords } from '../support/quick-passwords.ts';
import { createSimulatedWorld, issue, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const password = 'correct horse battery';
const admin: Who = { name: 'ann', role: 'admin', via: 'login' };
const from = '192.0.2.7';

/** A fleet with a certificate, of which someone asks for the key. @param faults replaces calls of the audit log's store */
async function open({
  isOn = true,
  state = 'valid',
  faults = () => ({}),
}: {
  readonly isOn?: boolean;
  readonly state?: string;
  readonly faults?: (store: Store) => Partial<Store>;
} = {}) {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => void events.push(event) } });
  await issue(world.replica(1), simulatedJob(simulatedSpec()), signal);
  const replica = world.replica(2);
  const engine: EngineProcess = {
    ...replica,
    connections: { owner: '', open: () => ({ ...replica.connect, end() {} }) },
  };
  const store = { ...world.store, ...faults(world.store) };
  const given = { clock: world.clock, ...quickPasswords };
  const access = createAccess({ ...given, store });
  await createAccess({ ...given, store: world.store }).users.add(
    { name: 'ann', role: 'admin', password },
    { name: 'root', via: 'command' },
    signal,
  );
  const keys = createKeys({
    ...{ engine, access },
    rows: { get: (name) => (name === 'abc' ? ({ name, state } as never) : undefined) },
    open: () => ({ settings: { pages: { keyDownload: isOn }, certificates: [] } as never, composed: {} as never }),
  });
  return {
    ...{ world, events },
    take: (who: Who, typed: string | undefined, name = 'abc') =>
      keys.download({ name, password: typed }, { who, from }, signal),
    entries: async () =>
      (await access.audit.read(new Date(0), signal))
        .filter(({ what }) => what === 'certificate.key')
        .map(({ who, via, object, result, detail }) => [who, via, object, result, detail]),
    exports: async () => (await world.readLineage())?.exports,
  };
}

it('hands out the key with its chain once that is written down', async () => {
  const { take, entries, exports, events, world } = await open();
  const file = await take(admin, password);
  const pem = file.pem.reveal();
  const [keyPem = '', ...certificates] = pem.split(/(?=-----BEGIN CERTIFICATE)/);
  const { current } = (await world.readLineage())!;
  expect(file.name).toBe('abc.pem');
  expect(
    pki.mismatch(certificates[0]!, { reveal: () => keyPem } as never, current!.facts.identifiers, world.clock.now()),
  ).toBe(undefined);
  expect(certificates.length).toBeGreaterThan(1);
  expect(await entries()).toEqual([['ann', 'login', 'abc', 'done', current!.id]]);
  expect(await exports()).toMatchObject([{ version: current!.id, to: `ann, by a download from ${from}` }]);
  expect(JSON.stringify(events)).not.toContain('PRIVATE KEY');
  expect(String(file.pem), 'it does not show itself').not.toContain('PRIVATE');
});

it.each<[string, Who]>([
  ['a token', { name: 'ops', role: 'admin', via: 'token' }],
  ['the socket', { name: 'socket', role: 'admin', via: 'socket' }],
])('asks %s for no password', async (_what, who) => {
  const { take, entries } = await open();
  expect((await take(who, undefined)).pem.reveal()).toContain('PRIVATE KEY');
  expect(await entries()).toMatchObject([[who.name, who.via, 'abc', 'done', expect.any(String)]]);
});

it.each<[string, Parameters<typeof open>[0], Who, string | undefined, string]>([
  ['an operator', {}, { ...admin, role: 'operator' }, password, 'access/role'],
  ['a token with a scope', {}, { ...admin, via: 'token', scope: ['abc'] }, undefined, 'access/some-certificates'],
  ['anyone where it is off', { isOn: false }, admin, password, 'access/no-key-download'],
  ['a login without a password', {}, admin, undefined, 'access/password-needed'],
  ['a login with an empty password', {}, admin, '', 'access/password-needed'],
  ['a login with a wrong password', {}, admin, `${password}!`, 'access/wrong-password'],
  ['whoever has no password here', {}, { ...admin, name: 'oidc:ann#12345678' }, password, 'access/no-password'],
  ['anyone while a process works on it', { state: 'working' }, admin, password, 'lineage/at-work'],
])('refuses %s, and writes that down', async (_what, given, who, typed, code) => {
  const { take, entries, exports } = await open(given);
  await expect(take(who, typed)).rejects.toMatchObject({ code });
  expect(await entries()).toEqual([[who.name, who.via, 'abc', code, undefined]]);
  expect(await exports()).toBeUndefined();
});

it('slows guesses down like those of a login', async () => {
  const { take } = await open();
  const codes: string[] = [];
  for (let guess = 0; guess < 12; guess += 1)
    codes.push(
      await take(admin, 'wrong').then(
        () => 'in',
        ({ code }: { readonly code: string }) => code,
      ),
    );
  expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'access/wrong-password'));
  expect(codes.slice(10)).toEqual(['access/slow', 'access/slow']);
  await expect(take(admin, password), 'nor does the right one help').rejects.toMatchObject({ code: 'access/slow' });
});

it('hands out nothing, and leaves no trace in the certificate, if the log cannot be written', async () => {
  const { take, exports } = await open({
    faults: ({ put }) => ({
      put: async (key, ...rest) => {
        if (key.kind === 'audit') throw new Error('the disk is full');
        return put(key, ...rest);
      },
    }),
  });
  await expect(take({ name: 'ops', role: 'admin', via: 'token' }, undefined)).rejects.toThrow('the disk is full');
  expect(await exports()).toBeUndefined();
});

it('knows nothing of a certificate that is not there', async () => {
  const { take } = await open();
  await expect(take(admin, password, 'other')).rejects.toMatchObject({ code: 'lineage/not-found' });
});
