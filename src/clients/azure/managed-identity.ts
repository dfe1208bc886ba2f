import { fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Http } from '../../ports/http.ts';
import { type BearerToken, readBearerToken } from '../http/bearer-token.ts';
import { askLocalService, askSource, localService, readLocalService } from '../http/identity-source.ts';
import { UnreadableAnswer } from '../http/json-api.ts';
import { createMetadataServer, NoMetadata } from '../http/metadata-server.ts';

/** The identity that Azure gives to the app or machine that certfleet runs on. */
export interface ManagedIdentity {
  /** The client ID of a user-assigned identity. */
  readonly clientId?: string | undefined;
  /**
   * The token endpoint of App Service, Container Apps, Functions or Azure Arc; by default, the machine's metadata
   * server.
   */
  readonly identityEndpoint?: string | undefined;
  /** Proves that a request comes from the app. Azure Arc has no such header, and writes a proof to a file instead. */
  readonly identityHeader?: Secret | undefined;
}

export interface ManagedIdentityContext {
  readonly http: Http;
  readonly clock: Clock;
  readonly files: Pick<Files, 'read'>;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
  /** The resource that the token is for, as a URL. */
  readonly resource: string;
  readonly advice: string;
}

/** Returns a token of the managed identity. Fails with `config/no-metadata`. */
export function managedIdentityToken(
  identity: ManagedIdentity,
  { http, clock, files, name, resource, advice }: ManagedIdentityContext,
  signal: AbortSignal,
): Promise<BearerToken> {
  const { clientId, identityEndpoint, identityHeader } = identity;
  const refuse = (reason: string) =>
    fail('config/invalid', { file: name, problem: `the address in \`identityEndpoint\` ${reason}` });
  const endpoint = identityEndpoint === undefined ? undefined : localService(identityEndpoint, refuse);
  const source =
    endpoint === undefined ? 'the metadata server of this machine' : `the identity service at ${endpoint.host}`;
  return askSource({ what: name, fact: 'an access token', source, advice }, async () => {
    const text = await (endpoint === undefined
      ? fromMachine()
      : identityHeader === undefined
        ? fromArc(endpoint)
        : fromApp(endpoint, identityHeader));
    try {
      return readBearerToken(parseJson(text), clock.now());
    } catch (error) {
      // A parser's message may show a part of the token.
      throw new NoMetadata(error instanceof UnreadableAnswer ? error.message : 'its answer is not JSON with a token');
    }
  });

  function queryOf(version: string): URLSearchParams {
    const query = new URLSearchParams({ 'api-version': version, resource });
    if (clientId !== undefined) query.set('client_id', clientId);
    return query;
  }

  async function fromMachine(): Promise<string> {
    const server = createMetadataServer({ http, base: 'http://169.254.169.254', headers: { metadata: 'true' } });
    const text = await server.text(`/metadata/identity/oauth2/token?${queryOf('2018-02-01')}`, signal);
    if (text === undefined) throw new NoMetadata('it has no token');
    return text;
  }

  async function fromApp(at: URL, header: Secret): Promise<string> {
    at.search = String(queryOf('2019-08-01'));
    return readLocalService(http, at, { 'x-identity-header': header.reveal() }, signal);
  }

  /**
   * Asks Azure Arc, which writes a key to a file that only some users may read. A request with that key gets the token.
   */
  async function fromArc(at: URL): Promise<string> {
    if (clientId !== undefined)
      throw new NoMetadata('Azure Arc has only the identity of the machine: leave out `clientId`');
    at.search = String(queryOf('2020-06-01'));
    const headers = { metadata: 'true' };
    const asked = await askLocalService(http, at, headers, signal);
    const path = /^Basic realm="?([^"]+)"?$/i.exec(asked.headers['www-authenticate'] ?? '')?.[1];
    // Without this check, whatever listens there could make certfleet send it any file of this machine.
    if (asked.status !== 401 || path === undefined || !/^\/var\/opt\/azcmagent\/tokens\/[\w-]+\.key$/.test(path))
      throw new NoMetadata(`it answered HTTP ${asked.status}, and did not name a key in /var/opt/azcmagent/tokens`);
    const key = await files.read(path, { maxBytes: 4_096 }).catch(() => undefined);
    if (key === undefined)
      throw new NoMetadata(`the key ${path} cannot be read: certfleet must be root or in the group himds`);
    const authorization = `Basic ${new TextDecoder().decode(key)}`;
    return readLocalService(http, at, { ...headers, authorization }, signal);
  }
}
