import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { toBase64url } from '../../core/text/encoding.ts';
import { isFields, parseJson } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Http } from '../../ports/http.ts';
import { type BearerToken, readBearerToken, tokenRefusal } from '../http/bearer-token.ts';
import { type ApiAnswer, type JsonApi, judgeByStatus, type Verdict } from '../http/json-api.ts';
import { createMetadataServer, NoMetadata } from '../http/metadata-server.ts';
import { createRefreshed, type Refreshed } from '../http/refreshed.ts';

/** A service account with a key, as in the file that Google issues for it. */
export interface ServiceAccount {
  readonly clientEmail: string;
  readonly privateKey: Secret;
  readonly privateKeyId?: string | undefined;
  /** By default, `https://oauth2.googleapis.com/token`. */
  readonly tokenUri?: string | undefined;
}

export interface TokenContext {
  /** An API that judges with {@link judgeTokens}. */
  readonly api: JsonApi;
  readonly clock: Clock;
  /** The scope of the token, as a URL. */
  readonly scope: string;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
}

/** One hour, the longest lifetime that Google accepts. */
const lifetimeS = 3_600;

/**
 * Returns access tokens of a service account, whose key signs the request (RFC 7523). Fails at once if the key is
 * invalid.
 */
export function serviceAccountTokens(account: ServiceAccount, context: TokenContext): Refreshed<BearerToken> {
  const { api, clock, scope, name } = context;
  const key = privateKeyOf(account.privateKey, name);
  const url = account.tokenUri ?? 'https://oauth2.googleapis.com/token';

  const assertion = (): Secret => {
    const seconds = Math.floor(clock.now().getTime() / 1000);
    const times = { iat: seconds, exp: seconds + lifetimeS };
    const header = { alg: 'RS256', typ: 'JWT', ...present({ kid: account.privateKeyId || undefined }) };
    const parts = [header, { iss: account.clientEmail, scope, aud: url, ...times }];
    const signed = parts.map((part) => toBase64url(Buffer.from(JSON.stringify(part)))).join('.');
    return new Secret(`${signed}.${toBase64url(sign('RSA-SHA256', Buffer.from(signed), key))}`);
  };

  return createRefreshed((signal, about) => {
    const secrets: Secret[] = [account.privateKey];
    return api.call({
      what: 'the access token',
      ...present({ about }),
      build: () => {
        const signed = assertion();
        secrets.push(signed);
        return {
          method: 'POST',
          url,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({
            grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
            assertion: signed.reveal(),
          }).toString(),
        };
      },
      read: ({ body }) => readBearerToken(body, clock.now()),
      // A second token does no harm.
      readsOnly: true,
      secrets,
      signal,
    });
  }, clock);
}

// Parsing a PEM takes most of the time of a call. An entry lives as long as its Secret.
const opened = new WeakMap<Secret, KeyObject>();

/** Parses the key. A key from an environment variable may have `\n` in place of line ends. */
function privateKeyOf(secret: Secret, name: string): KeyObject {
  const before = opened.get(secret);
  if (before) return before;
  try {
    const key = createPrivateKey(secret.reveal().replaceAll('\\n', '\n'));
    if (key.asymmetricKeyType === 'rsa') {
      opened.set(secret, key);
      return key;
    }
  } catch {
    // The parser's message may show a part of the key.
  }
  const problem = '`privateKey` is no RSA key: give the text of `private_key` in the file of the service account';
  throw fail('config/invalid', { file: name, problem });
}

/** Judges a response of the token endpoint. */
export function judgeTokens(answer: ApiAnswer): Verdict {
  const said = tokenRefusal(answer.body);
  if (said === undefined) return judgeGoogle(answer);
  const verdict = judgeByStatus(answer, said);
  if (verdict.kind !== 'refused') return verdict;
  const isClockSkew = /reasonable timeframe|iat and exp/.test(said.reason);
  const advice =
    'Check `clientEmail` and `privateKey`: the service account or this key of it does not exist any more. Make a new key and give its file as `credentials`.';
  return { ...verdict, isClockSkew, advice };
}

const limits: readonly unknown[] = [
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'quotaExceeded',
  'RESOURCE_EXHAUSTED',
];

/** Judges a response of a Google API: `error` with code, message and reasons. */
export function judgeGoogle(answer: ApiAnswer): Verdict {
  const error = isFields(answer.body) ? answer.body['error'] : undefined;
  if (!isFields(error)) return judgeByStatus(answer);
  const { message, errors } = error;
  const [first] = Array.isArray(errors) ? errors.filter(isFields) : [];
  const code = first?.['reason'] ?? error['status'];
  const reason = typeof message === 'string' ? message : '';
  const words = { reason, ...present({ code: typeof code === 'string' ? code : undefined }) };
  return answer.status >= 400 && limits.includes(code) ? { kind: 'limited', ...words } : judgeByStatus(answer, words);
}

/** The metadata of the Google Cloud machine, or the GKE pod, that certfleet runs on. */
export interface GoogleInstance {
  readonly tokens: Refreshed<BearerToken>;
  project(signal: AbortSignal): Promise<string>;
}

export interface GoogleInstanceOptions {
  readonly http: Http;
  readonly clock: Clock;
  readonly name: string;
  /** Another address, for tests. */
  readonly metadata?: string;
}

/** Connects to the instance metadata. Calls fail with `config/no-metadata` elsewhere. */
export function googleInstance(options: GoogleInstanceOptions): GoogleInstance {
  const { http, clock, name, metadata = 'http://169.254.169.254' } = options;
  let project: string | undefined;
  const server = createMetadataServer({ http, base: metadata, headers: { 'metadata-flavor': 'Google' } });
  const ask = async <T>(fact: string, path: string, read: (text: string) => T, signal: AbortSignal) => {
    try {
      const text = await server.text(`/computeMetadata/v1/${path}`, signal);
      if (text === undefined) throw new NoMetadata(`it has no ${path}`);
      return read(text);
    } catch (error) {
      if (signal.aborted || (!(error instanceof NoMetadata) && isFailure(error))) throw error;
      const about = { what: name, fact, source: 'the metadata server of this machine', advice };
      throw fail('config/no-metadata', { ...about, reason: reasonOf(error) });
    }
  };
  return {
    tokens: createRefreshed(
      (signal) =>
        ask(
          'an access token',
          'instance/service-accounts/default/token',
          (text) => readBearerToken(jsonOf(text), clock.now()),
          signal,
        ),
      clock,
    ),
    async project(signal) {
      project ??= await ask('the project', 'project/project-id', readProject, signal);
      return project;
    },
  };
}

function readProject(text: string): string {
  if (/^[a-z][a-z0-9:.-]{4,80}$/.test(text)) return text;
  throw new NoMetadata('it is no id of a project');
}

const advice =
  'Give the file of a service account as `credentials`; on a machine of Google Cloud, attach a service account to it.';

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw new NoMetadata('its answer is not JSON');
  }
}
