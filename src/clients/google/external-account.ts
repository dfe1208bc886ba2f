import { fail, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { isApiEndpoint } from '../../core/names/api-endpoint.ts';
import { type Fields, isFields, parseJson } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Http } from '../../ports/http.ts';
import { type BearerToken, readBearerToken } from '../http/bearer-token.ts';
import { askSource, localService, mostTokenBytes, readLocalService, readTokenFile } from '../http/identity-source.ts';
import {
  type ApiAnswer,
  type JsonApi,
  readFields,
  readString,
  UnreadableAnswer,
  type Verdict,
} from '../http/json-api.ts';
import { NoMetadata } from '../http/metadata-server.ts';
import { createRefreshed, type Refreshed } from '../http/refreshed.ts';
import { judgeTokens } from './google-cloud.ts';

export interface ExternalAccountContext {
  /** An API that judges with {@link judgeFederation}. */
  readonly api: JsonApi;
  readonly http: Http;
  readonly clock: Clock;
  readonly files: Pick<Files, 'read'>;
  /** The scope of the token, as a URL. */
  readonly scope: string;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
}

/** A file of the type `external_account`, as `gcloud iam workload-identity-pools create-cred-config` writes it. */
interface ExternalAccount {
  readonly audience: string;
  readonly subjectTokenType: string;
  readonly tokenUrl: string;
  readonly impersonationUrl: string | undefined;
  readonly lifetimeS: number;
  /** The source of the other identity provider's token. */
  readonly source:
    | { readonly file: string }
    | { readonly url: URL; readonly headers: Readonly<Record<string, string>> };
  /** The field that contains the token, if the response is JSON. */
  readonly field: string | undefined;
}

/** The longest lifetime that a service account allows without a policy of the organization. */
const longestS = 3_600;
const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';
const advice =
  'Make the file with `gcloud iam workload-identity-pools create-cred-config`, with a file or URL as the source of the token.';

/**
 * Returns access tokens by workload identity federation: exchanges the token of another identity provider (a Kubernetes
 * cluster, Azure, GitHub…) at Google's STS (RFC 8693), and exchanges the result, if the file says so, for a token of a
 * service account. Reads the file and the token each time.
 */
export function externalAccountTokens(file: string, context: ExternalAccountContext): Refreshed<BearerToken> {
  const { api, clock, scope } = context;
  return createRefreshed(async (signal, about) => {
    const account = await readAccount(file, context);
    const { impersonationUrl, lifetimeS } = account;
    const subject = await subjectToken(account, context, signal);
    const call = { ...present({ about }), readsOnly: true, maxBytes: mostTokenBytes, signal };
    const federated = await api.call({
      ...call,
      what: 'the access token',
      build: () => ({
        method: 'POST',
        url: account.tokenUrl,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          audience: account.audience,
          scope: impersonationUrl === undefined ? scope : cloudPlatform,
          subject_token: subject.reveal(),
          subject_token_type: account.subjectTokenType,
        }).toString(),
      }),
      read: ({ body }) => readBearerToken(body, clock.now()),
      secrets: [subject],
    });
    if (impersonationUrl === undefined) return federated;
    return api.call({
      ...call,
      what: 'the access token of the service account',
      build: () => ({
        method: 'POST',
        url: impersonationUrl,
        headers: { authorization: `Bearer ${federated.token.reveal()}`, 'content-type': 'application/json' },
        body: JSON.stringify({ scope: [scope], lifetime: `${lifetimeS}s` }),
      }),
      read: ({ body }) => {
        const fields = readFields(body, 'the access token');
        const expires = new Date(readString(fields, 'expireTime'));
        const token = readString(fields, 'accessToken');
        if (Number.isNaN(expires.getTime()) || !/^[\x21-\x7e]+$/.test(token))
          throw new UnreadableAnswer('the access token is no token');
        return { token: new Secret(token), expires };
      },
      secrets: [subject, federated.token],
    });
  }, clock);
}

/** Judges a response of STS or of the service account. */
export function judgeFederation(answer: ApiAnswer): Verdict {
  const verdict = judgeTokens(answer);
  if (verdict.kind !== 'refused') return verdict;
  return {
    ...verdict,
    advice:
      'Check that the provider of the pool takes issuer, audience and subject of the token, and that the service account, if there is one, gives `roles/iam.workloadIdentityUser` to it.',
  };
}

async function subjectToken(
  { source, field, audience }: ExternalAccount,
  { http, files, name }: ExternalAccountContext,
  signal: AbortSignal,
): Promise<Secret> {
  const where = 'file' in source ? `the file ${source.file}` : `the address ${source.url.host}`;
  const asking = { what: name, fact: `a token for ${audience}`, source: where, advice };
  return askSource(asking, async () => {
    let text: string;
    if ('file' in source) text = await readTokenFile(source.file, files);
    else text = (await readLocalService(http, source.url, source.headers, signal)).trim();
    const token = field === undefined ? text : fieldOf(text, field);
    if (token === '') throw new NoMetadata('it is empty');
    return new Secret(token);
  });
}

function fieldOf(text: string, field: string): string {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    // The parser's message repeats a part of the text.
  }
  const found = isFields(value) ? value[field] : undefined;
  if (typeof found === 'string') return found;
  throw new NoMetadata(`it is no JSON with the field ${field}`);
}

async function readAccount(file: string, { files, name }: ExternalAccountContext): Promise<ExternalAccount> {
  const refuse = (reason: string) => fail('config/credentials-unusable', { file, what: name, reason, advice });
  let fields: unknown;
  try {
    const bytes = await files.read(file, { named: true, maxBytes: mostTokenBytes });
    fields = parseJson(new TextDecoder().decode(bytes));
  } catch (error) {
    throw refuse(error instanceof SyntaxError ? 'it is not JSON' : reasonOf(error));
  }
  if (!isFields(fields) || fields['type'] !== 'external_account') throw refuse('its type is not external_account');
  const read = (of: Fields, key: string, at = key): string => {
    const value = of[key];
    if (typeof value === 'string' && value !== '') return value;
    throw refuse(`it has no \`${at}\``);
  };
  const address = (key: string): string => {
    const url = read(fields, key);
    if (isApiEndpoint(url)) return url;
    throw refuse(`its \`${key}\` is no https:// URL`);
  };
  const source = fields['credential_source'];
  if (!isFields(source)) throw refuse('it has no `credential_source`');
  if (source['executable'] !== undefined)
    throw refuse('its `credential_source` is a program, and certfleet runs none for it');
  if (source['file'] === undefined && source['url'] === undefined)
    throw refuse('its `credential_source` is neither a file nor a URL, and certfleet takes no other');
  const { format = {} } = source;
  const isJson = isFields(format) && format['type'] === 'json';
  const { token_lifetime_seconds: seconds } = readOptional(fields['service_account_impersonation']);
  return {
    audience: read(fields, 'audience'),
    subjectTokenType: read(fields, 'subject_token_type'),
    tokenUrl: address('token_url'),
    impersonationUrl:
      fields['service_account_impersonation_url'] === undefined
        ? undefined
        : address('service_account_impersonation_url'),
    lifetimeS: typeof seconds === 'number' && seconds >= 600 && seconds <= 43_200 ? Math.floor(seconds) : longestS,
    source:
      source['file'] === undefined
        ? {
            url: localService(read(source, 'url'), (reason) =>
              refuse(`the \`url\` of its \`credential_source\` ${reason}`),
            ),
            headers: textsIn(source['headers']),
          }
        : { file: read(source, 'file') },
    field: isJson ? read(format, 'subject_token_field_name') : undefined,
  };
}

const readOptional = (value: unknown): Fields => (isFields(value) ? value : {});

const textsIn = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(readOptional(value)).flatMap(([key, text]) =>
      typeof text === 'string' && /^[\w-]+$/.test(key) ? [[key.toLowerCase(), text]] : [],
    ),
  );
