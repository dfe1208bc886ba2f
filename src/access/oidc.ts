import { createHash } from 'node:crypto';
import type { CustomFetch, WWWAuthenticateChallenge } from 'openid-client';
import { oidcName, oidcRole } from '../core/access/oidc.ts';
import { createThrottle } from '../core/access/throttle.ts';
import { neverAborted } from '../core/async/never-aborted.ts';
import { createRecent } from '../core/async/recent.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import type { Secret } from '../core/errors/secret.ts';
import type { OidcSettings } from '../core/spec/spec.ts';
import type { Http } from '../ports/http.ts';
import { type Books, digestOf } from './books.ts';
import type { Recorder } from './record.ts';

export interface OidcParts {
  readonly settings: () => OidcSettings | undefined;
  readonly http: Pick<Http, 'request'>;
  readonly readSecret: (option: string, value: string) => Promise<Secret>;
}

/** How old the provider’s description of itself may be, and the client secret. */
const recentMs = 10_000;
const answerMs = 10_000;

export type Oidc = ReturnType<typeof createOidc>;

/** Logins at an OpenID provider, with the authorization code flow. */
export function createOidc({ logins, clock, nowText, secret }: Books, recorder: Recorder, parts?: OidcParts) {
  const throttle = createThrottle();
  const provider = createRecent(clock, async () => {
    const settings = parts?.settings();
    if (!parts || !settings) throw fail('access/oidc-off', {});
    // Few processes need it, so it is loaded at the first login.
    const library = await import('openid-client');
    const { enableNonRepudiationChecks: checkSignatures, allowInsecureRequests, ClientSecretBasic } = library;
    const proof = ClientSecretBasic(
      (await parts.readSecret('pages.oidc.clientSecret', settings.clientSecret)).reveal(),
    );
    const configuration = await library.discovery(new URL(settings.issuer), settings.clientId, {}, proof, {
      ...{ [library.customFetch]: fetchBy(parts.http), timeout: answerMs / 1_000 },
      execute: settings.issuer.startsWith('http:') ? [checkSignatures, allowInsecureRequests] : [checkSignatures],
    });
    return { library, configuration, settings };
  });

  /** Records why a login failed. The browser is told less. */
  async function recorded<T>(from: string, work: Promise<T>): Promise<T> {
    return work.catch(async (error: unknown) => {
      const by = { name: 'unknown', via: 'login', from } as const;
      await recorder.refused(by, { what: 'login', object: by.name, detail: `OpenID Connect: ${whyOf(error)}` });
      throw isFailure(error, 'access/') ? error : fail('access/oidc-failed', {});
    });
  }

  async function opening(redirectUri: string, signal: AbortSignal) {
    const { library, configuration, settings } = await provider.get(recentMs, signal);
    const kept = secret();
    const { href } = library.buildAuthorizationUrl(configuration, {
      ...{ redirect_uri: redirectUri, scope: ['openid', ...settings.scopes].join(' ') },
      ...{ state: derived(kept, 'state'), nonce: derived(kept, 'nonce'), code_challenge_method: 'S256' },
      code_challenge: createHash('sha256').update(derived(kept, 'verifier')).digest('base64url'),
    });
    return { href, kept };
  }

  /** Returns who has just logged in at the provider. */
  async function prove(answer: URL, kept: string, from: string, signal: AbortSignal) {
    if (kept.length !== 43 || answer.searchParams.get('state') !== derived(kept, 'state'))
      throw fail('access/oidc-other', {});
    const attempt = { user: from, from };
    const waitMs = throttle.waitMs(attempt, clock.monotonicMs());
    if (waitMs > 0) throw fail('access/slow', { seconds: Math.ceil(waitMs / 1_000) });
    throttle.failed(attempt, clock.monotonicMs());
    const { library, configuration, settings } = await provider.get(recentMs, signal);
    const tokens = await library.authorizationCodeGrant(configuration, answer, {
      ...{ expectedState: derived(kept, 'state'), expectedNonce: derived(kept, 'nonce') },
      ...{ pkceCodeVerifier: derived(kept, 'verifier'), idTokenExpected: true },
    });
    const said = tokens.claims()!;
    const { issuer, userinfo_endpoint } = configuration.serverMetadata();
    // Of a provider that serves many tenants, the library accepts each.
    if (said.iss !== issuer) throw new Error('the ID token is of another issuer');
    const more = userinfo_endpoint && (await library.fetchUserInfo(configuration, tokens.access_token, said.sub));
    const claims = { ...(more || {}), ...said };
    const name = oidcName(claims, digestOf(JSON.stringify([said.iss, said.sub])));
    const role = oidcRole(claims, settings);
    const detail = `OpenID Connect: ${said.sub} of ${said.iss}`;
    if (!role) throw fail('access/oidc-no-role', { name }, { cause: new Error(`no role for ${name}, ${detail}`) });
    throttle.succeeded(attempt, clock.monotonicMs());
    return { name, role, detail, epoch: epochOf(settings) };
  }

  return {
    /** Returns what logins have as their epoch; undefined if no provider is configured. */
    epoch(): string | undefined {
      const settings = parts?.settings();
      return settings && epochOf(settings);
    },
    /** Returns where someone logs in, and what their browser keeps until then. Fails with `access/oidc-failed`. */
    begin: (redirectUri: string, from: string, signal: AbortSignal) => recorded(from, opening(redirectUri, signal)),
    /**
     * Takes the provider’s answer, and returns the cookie of the login. Fails with `access/oidc-failed`,
     * `access/oidc-other`, `access/oidc-no-role`, `access/slow`.
     */
    async finish(answer: URL, kept: string, from: string, signal: AbortSignal): Promise<string> {
      const { name, role, detail, epoch } = await recorded(from, prove(answer, kept, from, signal));
      const [cookie, at] = [secret(), nowText()];
      await logins.put(digestOf(cookie), { schema: 1, user: name, role, epoch, at, seenAt: at }, null, signal);
      await recorder.done({ name, via: 'login', from }, 'login', name, `${detail}, ${role}`);
      return cookie;
    },
  };
}

/** Logins that began under other rules are over. */
const epochOf = ({ issuer, clientId, claim, roles }: OidcSettings): string =>
  digestOf(JSON.stringify([issuer, clientId, claim, roles.viewer, roles.operator, roles.admin]));

/** A browser keeps one secret for all that must not be guessed, so that any node can finish what another began. */
const derived = (kept: string, what: 'state' | 'nonce' | 'verifier'): string =>
  createHash('sha256').update(`${what} ${kept}`).digest('base64url');

/** Sends the library’s requests as all others are sent. */
const fetchBy =
  (http: OidcParts['http']): CustomFetch =>
  async (url, { method, headers, body, signal = neverAborted }) => {
    const sent = { body: body ? String(body) : undefined, signal, timeoutMs: answerMs };
    const answer = await http.request({ method: method as 'GET' | 'POST', url, headers, ...sent });
    return new Response(Buffer.from(answer.body), { status: answer.status, headers: answer.headers });
  };

/** The library wraps what has happened, and may have a secret anywhere but in messages. */
function whyOf(error: unknown): string {
  const { error: code, cause } = error as { readonly error?: unknown; readonly cause?: unknown };
  // Below a failure of a request, there is only what the system calls it.
  if (cause instanceof Error && !isFailure(error, 'network/')) return whyOf(cause);
  const [challenge] = Array.isArray(cause) ? (cause as readonly WWWAuthenticateChallenge[]) : [];
  const said = code ?? challenge?.parameters.error;
  return typeof said === 'string' ? `the provider said ${said}` : reasonOf(error);
}
