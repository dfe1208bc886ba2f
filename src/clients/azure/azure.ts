import { fail } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Http } from '../../ports/http.ts';
import { type BearerToken, readBearerToken, tokenRefusal } from '../http/bearer-token.ts';
import { askSource, readTokenFile } from '../http/identity-source.ts';
import { type ApiAnswer, type JsonApi, judgeByStatus, type Verdict } from '../http/json-api.ts';
import { createRefreshed, type Refreshed } from '../http/refreshed.ts';
import { type ManagedIdentity, managedIdentityToken } from './managed-identity.ts';

const publicCloud = { management: 'https://management.azure.com', login: 'https://login.microsoftonline.com' };
const china = { management: 'https://management.chinacloudapi.cn', login: 'https://login.chinacloudapi.cn' };
const government = { management: 'https://management.usgovcloudapi.net', login: 'https://login.microsoftonline.us' };

/** Azure's clouds, with the endpoints of their APIs. Includes the names that Azure's SDKs and certbot's plugin use. */
export const azureClouds = {
  ...{ public: publicCloud, china, usgovernment: government },
  ...{ AzurePublicCloud: publicCloud, AzureChinaCloud: china, AzureUSGovernmentCloud: government },
} as const;

/**
 * The identity that makes the calls. The first one given is used, in this order: a client secret, a federated token
 * (workload identity on AKS), the managed identity of the app or machine.
 */
export interface AzureIdentity extends ManagedIdentity {
  readonly tenantId?: string | undefined;
  readonly clientSecret?: Secret | undefined;
  readonly federatedTokenFile?: string | undefined;
}

export interface AzureTokenContext {
  /** An API that judges with {@link judgeAzureTokens}. */
  readonly api: JsonApi;
  readonly http: Http;
  readonly clock: Clock;
  readonly files: Pick<Files, 'read'>;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
  readonly cloud: (typeof azureClouds)[keyof typeof azureClouds];
  /** The endpoint for tokens, if not the cloud's own. */
  readonly authority?: string | undefined;
}

/** Returns access tokens for the management API. Fails at once if an option is missing. */
export function azureTokens(identity: AzureIdentity, context: AzureTokenContext): Refreshed<BearerToken> {
  const { tenantId, clientId, clientSecret, federatedTokenFile: file } = identity;
  const { clock, files, name } = context;
  if (clientSecret === undefined && file === undefined) {
    const about = { ...context, resource: `${context.cloud.management}/`, advice };
    return createRefreshed((signal) => managedIdentityToken(identity, about, signal), clock);
  }
  if (tenantId === undefined || clientId === undefined)
    throw fail('config/credential-missing', {
      what: name,
      credential: `the option "${tenantId === undefined ? 'tenantId' : 'clientId'}"`,
    });
  return createRefreshed(async (signal, about) => {
    const asking = { what: name, fact: 'a federated token', source: `the file ${file}`, advice };
    const federated = async () => new Secret(await readTokenFile(file ?? '', files));
    const proof = clientSecret ?? (await askSource(asking, federated));
    const form =
      clientSecret === undefined
        ? {
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: proof.reveal(),
          }
        : { client_secret: proof.reveal() };
    const login = (context.authority ?? context.cloud.login).replace(/\/+$/, '');
    const scope = `${context.cloud.management}/.default`;
    return context.api.call({
      what: 'the access token',
      ...present({ about }),
      build: () => ({
        method: 'POST',
        url: `${login}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, scope, ...form }).toString(),
      }),
      read: ({ body }) => readBearerToken(body, clock.now()),
      // A second token does no harm.
      readsOnly: true,
      secrets: [proof],
      signal,
    });
  }, clock);
}

const advice =
  'Give `tenantId`, `clientId` and `clientSecret`, or give the machine or pod that certfleet runs on an identity.';

/** Judges a response of the token endpoint: its codes are at the beginning of the sentence, and more lines follow. */
export function judgeAzureTokens(answer: ApiAnswer): Verdict {
  const said = tokenRefusal(answer.body);
  if (said === undefined) return judgeAzure(answer);
  const [code = said.code] = /^AADSTS\d+/.exec(said.reason) ?? [];
  const reason = (said.reason.split(/\r?\n| Trace ID:/)[0] ?? '').replace(/^AADSTS\d+: /, '');
  const verdict = judgeByStatus(answer, { code, reason });
  if (verdict.kind !== 'refused') return verdict;
  return { ...verdict, advice: tokenAdvices[code] ?? 'Check `tenantId`, `clientId` and `clientSecret`.' };
}

const tokenAdvices: Readonly<Record<string, string>> = {
  AADSTS7000215: 'Check `clientSecret`: it is the value of a secret of this `clientId`, not its id.',
  AADSTS7000222: 'Make a new `clientSecret`: this one has expired.',
  AADSTS700016: 'Check `clientId` and `tenantId`: there is no such application in this tenant.',
  AADSTS90002: 'Check `tenantId`: there is no such tenant in this cloud.',
};

/** Judges a response of the management API: `error` with code and message, or these fields alone. */
export function judgeAzure(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const error = isFields(body['error']) ? body['error'] : body;
  const { code, message } = error;
  if (answer.status < 400 || typeof code !== 'string') return judgeByStatus(answer);
  const requestId = answer.headers['x-ms-request-id'];
  return judgeByStatus(answer, {
    code,
    reason: typeof message === 'string' ? message : '',
    ...present({ requestId }),
  });
}
