import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CertfleetError } from '../core/errors.ts';
import { duration, secret, z } from '../define.ts';
import type { Files } from '../ports/files.ts';
import {
  captureFromEnvironment,
  checkOptions,
  optionsFromEnvironment,
  resolveOptions,
  secretVariables,
} from './options.ts';

const definition = {
  id: 'example-dns',
  options: z.object({
    server: z.string().min(1).meta({ title: 'The server' }),
    keyName: z.string().default('acme').meta({ title: 'The key' }),
    token: secret('The token'),
    spare: secret('Another token').optional(),
    port: z.int().min(1).max(65_535).default(53),
    fast: z.boolean().default(false),
    zones: z.array(z.string()).default([]),
    timeout: duration('How long').default(5_000),
  }),
};

const files = (contents: Readonly<Record<string, string>>, mode = 0o600): Pick<Files, 'read' | 'stat'> => ({
  read: async (path) => {
    if (path === '/forbidden') throw Object.assign(new Error('EACCES: …'), { code: 'EACCES' });
    return contents[path] === undefined ? undefined : new TextEncoder().encode(contents[path]);
  },
  stat: async (path) =>
    contents[path] === undefined
      ? undefined
      : { kind: 'file', size: 1, links: 1, mode, uid: 0, gid: 0, modifiedMs: 0, changedMs: 0 },
});

const resolve = (
  settings: Record<string, unknown>,
  env: Record<string, string> = {},
  contents: Record<string, string> = {},
) =>
  resolveOptions(definition, { type: 'example-dns', ...settings } as never, {
    env,
    files: files(contents),
    name: 'dns',
  });

describe('resolveOptions', () => {
  it('reads secrets from a file, a variable, the text itself and the default variable', async () => {
    const contents = { '/run/token': 'tell-nobody\n' };
    const cases = [
      await resolve({ server: 's', token: 'file:/run/token' }, {}, contents),
      await resolve({ server: 's', token: 'env:MINE' }, { MINE: 'tell-nobody' }),
      await resolve({ server: 's', token: 'tell-nobody' }),
      await resolve({ server: 's' }, { CERTFLEET_EXAMPLE_DNS_TOKEN: 'tell-nobody' }),
      await resolve({ server: 's' }, { CERTFLEET_EXAMPLE_DNS_TOKEN: 'file:/run/token' }, contents),
    ];
    for (const { options, credentials } of cases) {
      expect(options.token.reveal()).toBe('tell-nobody');
      expect(credentials).toBe(createHash('sha256').update('["token","tell-nobody"]').digest('hex'));
      expect(inspect(options) + JSON.stringify(options)).not.toContain('tell-nobody');
    }
  });

  it('tells which variables hold secrets, so that no hook gets them', async () => {
    const named: string[] = [];
    const onSecretVariable = (name: string) => void named.push(name);
    const env = { MINE: 'm', CERTFLEET_EXAMPLE_DNS_SPARE: 'env:SPARE', SPARE: 's' };
    const settings = { type: 'example-dns', server: 'env:NOT_A_SECRET', token: 'env:MINE' };
    await resolveOptions(definition, settings, { env, files: files({}), onSecretVariable });
    expect(named).toEqual(['MINE', 'SPARE']);
    expect(secretVariables(definition, settings, env)).toEqual([
      { option: 'token', variable: 'MINE' },
      { option: 'spare', variable: 'SPARE' },
    ]);
  });

  it('reads options that are left out from the environment, and converts them', async () => {
    const env = {
      CERTFLEET_EXAMPLE_DNS_SERVER: 'ns1',
      CERTFLEET_EXAMPLE_DNS_KEY_NAME: 'k',
      CERTFLEET_EXAMPLE_DNS_TOKEN: 't',
      CERTFLEET_EXAMPLE_DNS_PORT: '5353',
      CERTFLEET_EXAMPLE_DNS_FAST: 'true',
      CERTFLEET_EXAMPLE_DNS_ZONES: 'a.com, b.com',
      CERTFLEET_EXAMPLE_DNS_TIMEOUT: '2m',
    };
    const { options } = await resolve({}, env);
    expect({ ...options, token: options.token.reveal() }).toEqual({
      server: 'ns1',
      keyName: 'k',
      token: 't',
      port: 5353,
      fast: true,
      zones: ['a.com', 'b.com'],
      timeout: 120_000,
    });
    expect((await resolve({ server: 'mine' }, env)).options.server).toBe('mine');
  });

  it.each([
    [
      { server: 's' },
      'config/credential-missing',
      'dns (example-dns) is missing the credential "token" (CERTFLEET_EXAMPLE_DNS_TOKEN)',
    ],
    [{ token: 't' }, 'config/credential-missing', 'the option "server" (CERTFLEET_EXAMPLE_DNS_SERVER)'],
    [{ server: 's', token: 'env:GONE' }, 'config/credential-missing', 'the environment variable GONE'],
    [{ server: 's', token: ' ' }, 'config/credential-missing', 'a value for "token"'],
    [{ server: 's', token: 'file:/none' }, 'config/secret-unreadable', 'no such file'],
    [{ server: 's', token: 'file:/forbidden' }, 'config/secret-unreadable', 'permission denied'],
    [{ server: 's', token: 'file:/empty' }, 'config/credential-missing', 'is empty'],
    [{ server: 's', token: 5 }, 'config/invalid', 'in quotes'],
    [{ server: 's', token: 't', port: 'many' }, 'config/invalid', 'port must be a number'],
    [{ server: 's', token: 't', timeout: 'soon' }, 'config/invalid', 'timeout: a duration is'],
    [{ server: 's', token: 't', sever: 's' }, 'config/invalid', 'unknown key "sever"; did you mean "server"?'],
  ])('%j: %s', async (settings, code, words) => {
    await expect(resolve(settings, {}, { '/empty': '\n' })).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words), exitCode: 2 }),
    );
  });

  it('warns of a secret that every user can read', async () => {
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const settings = { type: 'example-dns', server: 's', token: 'file:/t' };
    await resolveOptions(definition, settings, { env: {}, files: files({ '/t': 'x' }, 0o644), warn });
    await resolveOptions(definition, settings, { env: {}, files: files({ '/t': 'x' }, 0o640), warn });
    expect(warnings).toEqual(['the secret file /t of example-dns can be read by every user: chmod 600 /t']);
  });

  it('changes the credentials hash with each secret, not with other options', async () => {
    const hash = async (settings: object) => (await resolve({ server: 's', token: 'a', ...settings })).credentials;
    expect(await hash({ token: 'b' })).not.toBe(await hash({}));
    expect(await hash({ spare: 'b' })).not.toBe(await hash({}));
    expect(await hash({ server: 'other' })).toBe(await hash({}));
  });

  it('throws only CertfleetError, without the secret in it', async () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()));
    const settings = fc.record(
      { server: value, port: value, fast: value, zones: value, timeout: value },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(settings, async (given) => {
        try {
          await resolve({ ...given, token: 'tell-nobody' });
        } catch (error) {
          expect(error).toBeInstanceOf(CertfleetError);
          expect(String(error)).not.toContain('tell-nobody');
        }
      }),
    );
  });
});

describe('environment', () => {
  const env = { CERTFLEET_EXAMPLE_DNS_TOKEN: 't', CERTFLEET_EXAMPLE_DNS_SERVER: 's', MINE: 'm' };

  it('returns which secrets came from it, by variable', () => {
    expect(captureFromEnvironment(definition, env)).toEqual({ CERTFLEET_EXAMPLE_DNS_TOKEN: 't' });
    expect(captureFromEnvironment(definition, env, { type: 'example-dns', token: 'env:MINE' })).toEqual({ MINE: 'm' });
    expect(captureFromEnvironment(definition, env, { type: 'example-dns', token: 'file:/x' })).toEqual({});
  });

  it('completes the options with what was captured', async () => {
    const { type: _type, ...options } = optionsFromEnvironment(definition, env);
    expect(options).toEqual({ server: 's' });
    const kept = captureFromEnvironment(definition, env);
    expect((await resolve(options, { ...kept })).options.token.reveal()).toBe('t');
  });
});

describe('checkOptions', () => {
  it('finds every problem without reading a secret', () => {
    const settings = { type: 'example-dns', server: '', token: 5, portt: 1, timeout: 'x' } as never;
    const found = checkOptions(definition, settings, {}, ['solvers', 'dns']);
    expect(found.map(({ path }) => path.join('.'))).toEqual([
      'solvers.dns.portt',
      'solvers.dns.token',
      'solvers.dns.server',
      'solvers.dns.timeout',
    ]);
  });

  it('allows missing secrets, and missing options that the environment has', () => {
    expect(checkOptions(definition, { type: 'example-dns' }, { CERTFLEET_EXAMPLE_DNS_SERVER: 's' }, [])).toEqual([]);
  });
});
