import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import type { Http, HttpRequest } from '../../ports/http.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type ManagedIdentity, managedIdentityToken } from './managed-identity.ts';

const never = new AbortController().signal;
const resource = 'https://management.azure.com/';
const clientId = '55555555-5555-4555-8555-555555555555';
const [app, arc] = ['http://169.254.129.5:8081', 'http://127.0.0.1:40342'];
const header = 'header-of-this-app-0123';
const keyFile = '/var/opt/azcmagent/tokens/0a1b.key';

/** The token services of App Service and of the agent of Azure Arc. */
function bench() {
  const clock = fakeClock();
  let key = '';
  let challenge = `Basic realm=${keyFile}`;
  const files: Record<string, string> = { '/etc/shadow': 'tell-nobody', '/var/opt/azcmagent/tokens/../x.key': 'x' };
  const asks = ({ url }: FakeRequest, version: string, mayName: boolean): boolean => {
    const { 'api-version': sent, resource: of, client_id: id, ...others } = Object.fromEntries(url.searchParams);
    const isKnown = id === undefined || (mayName && id === clientId);
    return sent === version && of === resource && isKnown && Object.keys(others).length === 0;
  };
  const end = () => String(Math.floor(clock.now().getTime() / 1000) + 86_400);
  const fake = createFakeApi({
    clock,
    origin: [app, arc],
    routes: {
      [`GET ${app}/msi/token`]: (request) => {
        if (request.headers['x-identity-header'] !== header) return { status: 401, body: { message: 'tell-nobody' } };
        if (!asks(request, '2019-08-01', true)) return { status: 400, body: { message: 'no identity' } };
        return {
          status: 200,
          body: { access_token: 'eyJ.app.c2ln', expires_on: end(), resource, token_type: 'Bearer' },
        };
      },
      [`GET ${arc}/metadata/identity/oauth2/token`]: (request): FakeAnswer => {
        if (request.headers['metadata'] !== 'true' || !asks(request, '2020-06-01', false)) return { status: 400 };
        const sent = request.headers['authorization'];
        if (key !== '' && sent === `Basic ${key}`) {
          key = '';
          return { status: 200, body: { access_token: 'eyJ.arc.c2ln', expires_in: '3600', expires_on: end() } };
        }
        key = `key-${Math.floor(clock.monotonicMs())}-of-this-machine`;
        files[keyFile] = key;
        return { status: 401, headers: { 'www-authenticate': challenge } };
      },
    },
  });
  const direct: (string | undefined)[] = [];
  const http: Http = {
    request: (request: HttpRequest) => {
      direct.push(request.connectTo?.address);
      return fake.http.request(request);
    },
    close: async () => {},
  };
  const context = {
    ...{ http, clock, resource, name: 'azure', advice: 'Give `clientSecret`.' },
    files: {
      read: async (path: string) => (files[path] === undefined ? undefined : new TextEncoder().encode(files[path])),
    },
  };
  return {
    ...{ fake, direct, files, clock },
    ask: (identity: ManagedIdentity) => managedIdentityToken(identity, context, never),
    challenges(next: string) {
      challenge = next;
    },
  };
}

const ofApp = { identityEndpoint: `${app}/msi/token`, identityHeader: new Secret(header) };
const ofArc = { identityEndpoint: 'http://localhost:40342/metadata/identity/oauth2/token' };

describe('a managed identity', () => {
  it.each<[string, ManagedIdentity, string, number]>([
    ['of an app', ofApp, 'eyJ.app.c2ln', 86_400],
    ['of an app, by its id', { ...ofApp, clientId }, 'eyJ.app.c2ln', 86_400],
    ['of a machine with Azure Arc', ofArc, 'eyJ.arc.c2ln', 3_600],
  ])('%s gives tokens, off any proxy', async (_what, identity, token, seconds) => {
    const { ask, fake, direct, clock } = bench();
    const given = await ask(identity);
    expect(given.token.reveal()).toBe(token);
    const left = (given.expires.getTime() - clock.now().getTime()) / 1000;
    expect(Math.abs(left - seconds)).toBeLessThanOrEqual(1);
    expect(direct.every((address) => address !== undefined)).toBe(true);
    expect(fake.unknown).toEqual([]);
  });

  it.each<[string, ManagedIdentity, string, string]>([
    [
      'a header that is wrong',
      { ...ofApp, identityHeader: new Secret('tell-nobody') },
      'config/no-metadata',
      'it answered HTTP 401',
    ],
    [
      'a header of two lines',
      { ...ofApp, identityHeader: new Secret('tell-nobody\nx: y') },
      'config/no-metadata',
      'not one line',
    ],
    [
      'an unknown identity',
      { ...ofApp, clientId: clientId.replaceAll('5', '6') },
      'config/no-metadata',
      'it answered HTTP 400',
    ],
    ['an identity of Azure Arc', { ...ofArc, clientId }, 'config/no-metadata', 'leave out `clientId`'],
    ['a host elsewhere', { ...ofApp, identityEndpoint: 'http://evil.test/token' }, 'config/invalid', 'must be https'],
    ['no URL', { ...ofApp, identityEndpoint: 'token' }, 'config/invalid', 'is not a URL'],
    [
      'a user in it',
      { ...ofApp, identityEndpoint: 'http://tell-nobody@127.0.0.1/' },
      'config/invalid',
      'must not have a user',
    ],
  ])('names the trouble with %s', async (_what, identity, code, words) => {
    const { ask } = bench();
    const error = await Promise.resolve()
      .then(() => ask(identity))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words), exitCode: 2 });
    expect(String(error)).not.toContain('tell-nobody');
  });

  it.each([
    'Basic realm=/etc/shadow',
    'Basic realm=/var/opt/azcmagent/tokens/../x.key',
    'Basic realm=/var/opt/azcmagent/tokens/a/b.key',
    'Negotiate',
    '',
  ])('sends no other file than a key of the agent: %s', async (challenge) => {
    const { ask, challenges, fake } = bench();
    challenges(challenge);
    await expect(ask(ofArc)).rejects.toThrow('did not name a key in /var/opt/azcmagent/tokens');
    expect(fake.calls.some(({ request }) => request.headers['authorization'] !== undefined)).toBe(false);
  });

  it('says that a key cannot be read, and that an answer has no token', async () => {
    const { ask, fake, challenges } = bench();
    challenges('Basic realm=/var/opt/azcmagent/tokens/other.key');
    await expect(ask(ofArc)).rejects.toThrow('in the group himds');
    const bodies = ['tell-nobody', { access_token: 'tell-nobody' }, { access_token: 'tell-nobody', expires_on: '1' }];
    for (const body of bodies) {
      fake.fault({ kind: 'status', status: 200, body });
      const error = await ask(ofApp).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'config/no-metadata' });
      expect(String(error)).not.toContain('tell-nobody');
    }
    fake.fault({ kind: 'unreachable' });
    await expect(ask(ofApp)).rejects.toMatchObject({ code: 'config/no-metadata', hint: 'Give `clientSecret`.' });
  });
});
