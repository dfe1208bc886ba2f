import { createDnsApi } from '../clients/http/dns-api.ts';
import { type ApiAnswer, isRefusal, judgeByStatus, readFields } from '../clients/http/json-api.ts';
import { fail } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { isFields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

const provider = 'acme-dns';

/** The response to a registration at acme-dns. */
interface Account {
  readonly username: string;
  readonly password: Secret;
  readonly subdomain: string;
  /** The name whose values the account changes. */
  readonly fulldomain: string;
  /** The server of the registration, if its file names it. */
  readonly server: string | undefined;
}

/**
 * acme-dns: a name server only for challenges. Each account has one name, to which `_acme-challenge` of the user's own
 * zone points with a CNAME. It keeps the last two values and cannot remove any.
 */
export default defineDnsProvider({
  id: 'acme-dns',
  title: 'acme-dns',
  homepage: 'https://github.com/joohoi/acme-dns',
  apiDocs: 'https://github.com/joohoi/acme-dns#api',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    endpoint: endpoint('The server’s address').meta({
      examples: ['https://auth.example.com'],
      aliases: ['ACME_DNS_API_BASE', 'ACMEDNS_BASE_URL', 'dns_acmedns_api_url'],
    }),
    accounts: secret('Accounts as lego, acme-dns-client and certbot’s hook store them')
      .optional()
      .describe('The JSON of their file, so mostly `file:/etc/acmedns/clientstorage.json`.'),
    username: secret('User name of an account', { aliases: ['ACMEDNS_USERNAME'] }).optional(),
    password: secret('Its password', { aliases: ['ACMEDNS_PASSWORD'] }).optional(),
    subdomain: z
      .string()
      .min(1)
      .optional()
      .meta({ title: 'Its subdomain', aliases: ['ACMEDNS_SUBDOMAIN'] }),
    fulldomain: z
      .string()
      .min(1)
      .optional()
      .meta({
        title: 'Its whole name',
        examples: ['d420c923-bbd7-4056-ab64-c3ca54c9b3cf.auth.example.com'],
        aliases: ['ACMEDNS_FULLDOMAIN'],
      }),
    credentials: credentialsFile(['dns_acmedns_', 'acmedns_']),
  }),
  notes: `Nothing is registered here: register once with \`curl -X POST https://auth.example.com/register\`, keep the answer, and add
\`_acme-challenge.www.example.com. CNAME FULLDOMAIN.\` to the zone of each name. Either \`accounts\` has all accounts, or
\`username\`, \`password\`, \`subdomain\` and \`fulldomain\` are those of one.

An account keeps two values, which are enough for a name and its wildcard; so each name needs an account of its own.`,
  traits: {
    // The third value evicts the first one.
    writes: 'name',
    minTtl: 1,
    maxConcurrent: 8,
    keepsLast: 2,
    // There is only one server, which has a change at once.
    visibleMs: 30_000,
  },
  connect({ name: solver, options, world }) {
    const http = world.http();
    const accounts = accountsOf(options, solver);
    const secrets = accounts.flatMap(({ username, password }) => [new Secret(username), password]);

    /** @param txt the value to add; an empty text is refused after the credentials were checked */
    const update = (account: Account, txt: string, about: string, signal: AbortSignal): Promise<void> => {
      const base = options.endpoint ?? account.server;
      if (base === undefined)
        throw fail('config/credential-missing', {
          what: solver,
          credential: 'the option "endpoint" (CERTFLEET_ACME_DNS_ENDPOINT), which the accounts file does not contain',
        });
      return createDnsApi({
        ...{ world, http, provider, judge },
        advice: (status) =>
          status === 401
            ? `Check \`username\`, \`password\` and \`subdomain\` of ${account.fulldomain} (or its entry in \`accounts\`), and that this machine’s address is in its \`allowfrom\`.`
            : `Check \`subdomain\` of ${account.fulldomain}.`,
      }).call({
        ...{ what: 'the update', about, secrets, signal },
        build: () => ({
          method: 'POST',
          url: `${base.replace(/\/+$/, '')}/update`,
          headers: {
            'content-type': 'application/json',
            'x-api-user': account.username,
            'x-api-key': account.password.reveal(),
          },
          body: JSON.stringify({ subdomain: account.subdomain, txt }),
        }),
        // Sending a value twice would evict another one.
        readsOnly: txt === '',
        read: ({ body }) => void readFields(body, 'the answer'),
      });
    };

    return {
      kind: 'values',
      async append({ name, value, zone }, signal) {
        const account = accounts.find(({ fulldomain }) => fulldomain === name);
        if (!account) throw lacking(name, zone);
        await update(account, value, name, signal);
        return undefined;
      },
      // The service cannot remove values. The next two values evict this one.
      async remove(_value, _made, signal) {
        signal.throwIfAborted();
      },
      async check(zone, signal) {
        const here = accounts.filter(({ subdomain, fulldomain }) => fulldomain === `${subdomain}.${zone}`);
        if (here.length === 0) throw lacking(zone, zone);
        for (const account of here) {
          try {
            await update(account, '', account.fulldomain, signal);
          } catch (error) {
            if (!isRefusal(error, 'bad_txt')) throw error;
          }
        }
      },
      close: () => http.close(),
    };

    function lacking(name: string, zone: string) {
      const known = accounts.map(({ fulldomain }) => fulldomain).slice(0, 3);
      return fail('dns/refused', {
        ...{ provider, name },
        reason: `there is no account for ${name === zone ? `a name in the zone ${zone}` : name}`,
        advice: `Add a CNAME to the zone ${zone}, from _acme-challenge of the name to the \`fulldomain\` of an account (${known.join(', ')}), or add the account to \`accounts\`.`,
      });
    }
  },
});

interface Given {
  readonly accounts?: Secret | undefined;
  readonly username?: Secret | undefined;
  readonly password?: Secret | undefined;
  readonly subdomain?: string | undefined;
  readonly fulldomain?: string | undefined;
}

function accountsOf(
  { accounts, username, password, subdomain, fulldomain }: Given,
  solver: string,
): readonly Account[] {
  const own =
    username && password && subdomain !== undefined && fulldomain !== undefined
      ? [{ username: username.reveal(), password, subdomain, fulldomain: plain(fulldomain), server: undefined }]
      : [];
  const all = [...own, ...(accounts ? stored(accounts, solver) : [])];
  if (all.length > 0) return all;
  throw fail('config/credential-missing', {
    what: solver,
    credential: 'the credential "accounts", or all of "username", "password", "subdomain" and "fulldomain"',
  });
}

/** Returns one account, or several by the name that each is for. */
function stored(accounts: Secret, solver: string): readonly Account[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(accounts.reveal());
  } catch {
    // The parser's message repeats a part of the text.
    throw fail('config/invalid', { file: solver, problem: '`accounts` is not JSON: write file: before a path' });
  }
  const entries = isFields(parsed) ? (typeof parsed['fulldomain'] === 'string' ? [parsed] : Object.values(parsed)) : [];
  return entries.map((entry) => {
    const fields = isFields(entry) ? entry : {};
    const [username, password, subdomain, fulldomain] = ['username', 'password', 'subdomain', 'fulldomain'].map(
      (name) => {
        const value = fields[name];
        if (typeof value === 'string' && value !== '') return value;
        throw fail('config/invalid', { file: solver, problem: `an account in \`accounts\` has no ${name}` });
      },
    ) as [string, string, string, string];
    const server = fields['server_url'];
    return {
      ...{ username, subdomain, password: new Secret(password), fulldomain: plain(fulldomain) },
      server: typeof server === 'string' && server !== '' ? server : undefined,
    };
  });
}

const plain = (name: string): string => name.replace(/\.$/, '').toLowerCase();

/** Judges a response such as `{ "error": "bad_txt" }`. */
function judge(answer: ApiAnswer): ReturnType<typeof judgeByStatus> {
  const error = isFields(answer.body) ? answer.body['error'] : undefined;
  return judgeByStatus(answer, typeof error === 'string' ? { code: error, reason: error } : {});
}
