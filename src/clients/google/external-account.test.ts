import { describe, expect, it } from 'vitest';
import { createFakeApi, type FakeAnswer } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createDnsApi } from '../http/dns-api.ts';
import { externalAccountTokens, judgeFederation } from './external-account.ts';

const never = new AbortController().signal;
const scope = 'https://www.googleapis.com/auth/ndev.clouddns.readwrite';
const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';
const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster';
const [sts, iam, local] = [
  'https://sts.googleapis.com',
  'https://iamcredentials.googleapis.com',
  'http://169.254.169.254',
];
const account = 'acme@acme-test-project.iam.gserviceaccount.com';
const impersonation = `${iam}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`;
const subject = 'eyJhbGciOi.subject-token-of-this-test.c2ln';

const federation = {
  type: 'external_account',
  audience,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `${sts}/v1/token`,
  credential_source: { file: '/var/run/token' },
};
const impersonated = { ...federation, service_account_impersonation_url: impersonation };

/** Google's STS and IAM, and the metadata server of another cloud. */
function bench(file: object | string) {
  const clock = fakeClock(undefined, { auto: true });
  let made = 0;
  const tokens = new Map<string, string>();
  const refuse = (status: number, error: string, error_description: string): FakeAnswer => ({
    status,
    body: { error, error_description },
  });
  const fake = createFakeApi({
    clock,
    origin: [sts!, iam!, local!],
    routes: {
      [`POST ${sts}/v1/token`]: ({ form, headers }) => {
        const { subject_token, ...others } = Object.fromEntries(form());
        const { scope: of = '', ...rest } = others;
        if (headers['content-type'] !== 'application/x-www-form-urlencoded')
          return refuse(400, 'invalid_request', 'form');
        const wanted = {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          audience,
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        };
        if (JSON.stringify(Object.entries(rest).sort()) !== JSON.stringify(Object.entries(wanted).sort()))
          return refuse(400, 'invalid_target', 'The target service indicated by the "audience" parameters is invalid.');
        if (subject_token !== subject)
          return refuse(400, 'invalid_grant', `The given credential is rejected: ${subject_token}`);
        const access_token = `ya29.federated-${String(++made).padStart(6, '0')}`;
        tokens.set(access_token, of);
        return {
          status: 200,
          body: {
            ...{ access_token, expires_in: 3599, token_type: 'Bearer' },
            issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          },
        };
      },
      [`POST ${iam}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`]: ({ headers, json }) => {
        const by = tokens.get(headers['authorization']?.replace(/^Bearer /, '') ?? '');
        const { scope: scopes, lifetime, ...others } = json() as Record<string, unknown>;
        if (by !== cloudPlatform)
          return {
            status: 403,
            body: { error: { code: 403, message: 'Permission denied', status: 'PERMISSION_DENIED' } },
          };
        const seconds = Number(/^(\d+)s$/.exec(String(lifetime))?.[1]);
        if (JSON.stringify(scopes) !== JSON.stringify([scope]) || !(seconds <= 3_600) || Object.keys(others).length > 0)
          return { status: 400, body: { error: { code: 400, message: 'bad lifetime', status: 'INVALID_ARGUMENT' } } };
        const expireTime = new Date(clock.now().getTime() + seconds * 1_000).toISOString();
        return { status: 200, body: { accessToken: `ya29.impersonated-${made}`, expireTime } };
      },
      [`GET ${local}/token`]: ({ headers, url }) =>
        headers['metadata'] === 'True' && url.search === '?resource=x'
          ? { status: 200, body: { access_token: subject, expires_in: '3600' } }
          : { status: 400 },
    },
  });
  const files: Record<string, string> = {
    '/account.json': typeof file === 'string' ? file : JSON.stringify(file),
    '/var/run/token': `${subject}\n`,
    '/var/run/json': JSON.stringify({ id_token: subject }),
    '/var/run/old': 'eyJhbGciOi.tell-nobody.c2ln',
    '/var/run/empty': ' ',
  };
  const world = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length), number: () => 0 },
    log: { debug() {}, info() {}, warn() {} },
  };
  const tokensOf = externalAccountTokens('/account.json', {
    api: createDnsApi({
      ...{ world, http: fake.http, provider: 'Google Cloud DNS', judge: judgeFederation },
      advice: 'Look.',
    } as never),
    ...{ http: fake.http, clock, scope, name: 'google' },
    files: {
      read: async (path: string) => (files[path] === undefined ? undefined : new TextEncoder().encode(files[path])),
    },
  });
  return { fake, clock, files, token: async () => (await tokensOf.current(never)).token.reveal() };
}

describe('an external account', () => {
  it.each<[string, object, string]>([
    ['by a token in a file', federation, 'ya29.federated-000001'],
    ['for a service account', impersonated, 'ya29.impersonated-1'],
    [
      'by a field of a file',
      {
        ...federation,
        credential_source: { file: '/var/run/json', format: { type: 'json', subject_token_field_name: 'id_token' } },
      },
      'ya29.federated-000001',
    ],
    [
      'by a token from a URL',
      {
        ...federation,
        credential_source: {
          url: `${local}/token?resource=x`,
          headers: { Metadata: 'True' },
          format: { type: 'json', subject_token_field_name: 'access_token' },
        },
      },
      'ya29.federated-000001',
    ],
  ])('%s', async (_what, file, wanted) => {
    const { token, fake } = bench(file);
    expect(await token()).toBe(wanted);
    expect(fake.unknown).toEqual([]);
  });

  it.each([600, 3_600])('gets new tokens in time before they end (%i s)', async (seconds) => {
    const { token, clock } = bench({
      ...impersonated,
      service_account_impersonation: { token_lifetime_seconds: seconds },
    });
    expect(await Promise.all([token(), token()])).toEqual(['ya29.impersonated-1', 'ya29.impersonated-1']);
    await clock.advance((seconds - 301) * 1_000);
    expect(await token()).toBe('ya29.impersonated-1');
    await clock.advance(2_000);
    expect(await token()).toBe('ya29.impersonated-2');
  });

  const from = (credential_source: object) => ({ ...federation, credential_source });
  it.each<[string, object | string, string, string]>([
    [
      'a program',
      from({ executable: { command: '/bin/tell-nobody' } }),
      'config/credentials-unusable',
      'is a program, and certfleet runs none',
    ],
    ['AWS', from({ environment_id: 'aws1' }), 'config/credentials-unusable', 'neither a file nor a URL'],
    ['no source', { ...federation, credential_source: 'x' }, 'config/credentials-unusable', 'no `credential_source`'],
    [
      'another type',
      { ...federation, type: 'authorized_user' },
      'config/credentials-unusable',
      'its type is not external_account',
    ],
    ['no JSON', '{ "tell-nobody', 'config/credentials-unusable', 'it is not JSON'],
    [
      'an address without TLS',
      { ...federation, token_url: 'http://sts.test/' },
      'config/credentials-unusable',
      '`token_url` is no https:// URL',
    ],
    ['a URL without TLS', from({ url: 'http://idp.test/token' }), 'config/credentials-unusable', 'must be https'],
    ['no token', from({ file: '/none' }), 'config/no-metadata', '/none is missing or empty'],
    ['an empty token', from({ file: '/var/run/empty' }), 'config/no-metadata', 'missing or empty'],
    [
      'a token that is no JSON',
      from({ file: '/var/run/old', format: { type: 'json', subject_token_field_name: 'x' } }),
      'config/no-metadata',
      'no JSON with the field x',
    ],
    ['a URL that refuses', from({ url: `${local}/token` }), 'config/no-metadata', 'it answered HTTP 400'],
    ['an old token', from({ file: '/var/run/old' }), 'dns/refused', 'The given credential is rejected: ***'],
    ['another audience', { ...federation, audience: 'x' }, 'dns/refused', 'The target service'],
    [
      'a lifetime that is too long',
      { ...impersonated, service_account_impersonation: { token_lifetime_seconds: 7_200 } },
      'dns/refused',
      'bad lifetime',
    ],
  ])('says what is wrong with %s', async (_what, file, code, words) => {
    const error = await bench(file)
      .token()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(String(error)).not.toContain('tell-nobody');
  });

  it('shows no token, even if Google repeats all that it gets', async () => {
    const { token, fake, files } = bench(impersonated);
    files['/var/run/token'] = 'eyJhbGciOi.tell-nobody.c2ln';
    fake.fault({ kind: 'echo', part: 'body' });
    expect(String(await token().catch((thrown: unknown) => thrown))).not.toContain('tell-nobody');
    files['/var/run/token'] = subject;
    fake.fault({ kind: 'echo', part: 'headers' }, { on: ({ url }) => url.origin === iam });
    expect(String(await token().catch((thrown: unknown) => thrown))).not.toContain('ya29.');
  });
});
