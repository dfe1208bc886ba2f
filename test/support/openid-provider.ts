import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { atEnd } from './service.ts';

export interface OpenidProvider {
  readonly issuer: string;
  /** Takes a browser through the login, and returns where it is sent with the answer. */
  logIn(url: string): Promise<string>;
  /** Closes it, as if it were down. */
  close(): Promise<void>;
}

/** What it says of someone. */
export type Person = Readonly<{ sub: string }> & Readonly<Record<string, unknown>>;

/** The certified provider `oidc-provider` on loopback, where everyone is logged in as the present person at once. */
export async function startOpenidProvider(given: {
  readonly person: () => Person;
  readonly redirectUris: readonly string[];
  readonly secret: string;
}): Promise<OpenidProvider> {
  const server = createServer((request, response) => void answer(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // For a browser, this is another site than 127.0.0.1.
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'certfleet', client_secret: given.secret, redirect_uris: [...given.redirectUris] }],
    claims: {
      openid: ['sub'],
      profile: ['preferred_username'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ['of the test'] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    findAccount: (_context, accountId) => ({ accountId, claims: async () => given.person() }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    async loadExistingGrant(context) {
      const { client, session } = context.oidc;
      const grant = new provider.Grant({ clientId: client!.clientId, accountId: session!.accountId! });
      grant.addOIDCScope('openid profile email groups');
      await grant.save();
      return grant;
    },
  });
  const handle = provider.callback();
  const answer = (...[request, response]: Parameters<typeof handle>) =>
    request.url?.startsWith('/interaction/')
      ? provider.interactionFinished(request, response, { login: { accountId: given.person().sub } })
      : handle(request, response);

  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await once(server.close(), 'close');
  };
  atEnd(close);
  return {
    issuer,
    close,
    async logIn(url) {
      const jar = new Map<string, string>();
      for (let at = url; ; ) {
        const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
        const { status, headers, ...rest } = await fetch(at, { redirect: 'manual', headers: { cookie } });
        for (const one of headers.getSetCookie()) {
          const [, name, value] = /^([^=]+)=([^;]*)/.exec(one)!;
          jar.set(name!, value!);
        }
        const next = headers.get('location');
        if (next === null) throw new Error(`${at} answered ${status} ${JSON.stringify(rest)}`);
        at = new URL(next, at).href;
        if (!at.startsWith(issuer)) return at;
      }
    },
  };
}
