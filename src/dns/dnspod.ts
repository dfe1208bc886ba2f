import type { DnspodName, DnspodRecord } from '../clients/dnspod/dnspod.ts';
import { dnspodWithKeys } from '../clients/dnspod/keys.ts';
import { dnspodWithToken } from '../clients/dnspod/token.ts';
import { fixedKeys } from '../clients/http/access-keys.ts';
import { fail } from '../core/errors/errors.ts';
import { hasPath, pathProblem } from '../core/names/api-endpoint.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { defineDnsProvider, endpoint, Secret, secret, tencentKeys, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

export default defineDnsProvider({
  id: 'dnspod',
  title: 'DNSPod (Tencent Cloud DNS)',
  names: ['腾讯云'],
  homepage: 'https://www.dnspod.cn',
  apiDocs: 'https://cloud.tencent.com/document/api/1427/56193',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    ...tencentKeys(['dns_dnspod_', 'dns_dnspod_api_', 'dns_tencentcloud_']),
    id: z.coerce
      .string()
      .optional()
      .meta({ title: 'ID of a token of DNSPod', examples: ['13490'], aliases: ['DP_Id', 'DPI_Id'] }),
    token: secret('Token of DNSPod', { aliases: ['DP_Key', 'DPI_Key'] }).optional(),
    loginToken: secret('ID and token of DNSPod in one, with a comma between them', {
      aliases: ['DNSPOD_API_KEY', 'DNSPOD_LOGIN_TOKEN'],
    }).optional(),
    endpoint: endpoint(
      'The API’s address, if it is not https://dnsapi.cn (for a token) or https://dnspod.tencentcloudapi.com (for `secretId`)',
    ),
  }),
  notes: `There are two kinds of credentials, and either is enough.

**A key of Tencent Cloud** (\`secretId\`, \`secretKey\`): make one for a user of its own at <https://console.cloud.tencent.com/cam>,
with the permissions \`dnspod:DescribeRecordList\`, \`dnspod:DescribeRecord\`, \`dnspod:CreateRecord\` and
\`dnspod:DeleteRecord\`.

**A token of DNSPod** (\`id\` and \`token\`, or both in \`loginToken\`), from <https://console.dnspod.cn/account/token/token>. It
may do everything in the account, and is used if both kinds are given. With a token of dnspod.com, set
\`endpoint: https://api.dnspod.com\`; with a key of the international Tencent Cloud,
\`endpoint: https://dnspod.intl.tencentcloudapi.com\`.`,
  traits: {
    // Records are separate objects, and DNSPod itself refuses duplicates.
    writes: 'value',
    // The minimum in free plans.
    minTtl: 600,
    // dnsapi.cn bans an account for an hour if it makes many changes at once, without saying how many.
    maxConcurrent: 4,
    visibleMs: 2 * 60_000,
    // A list may be half a minute old.
    listLagMs: 30_000,
  },
  connect({ name, options, world }) {
    const { secretId, secretKey, sessionToken } = options;
    const loginToken = loginTokenOf(name, options);
    const http = world.http();
    const { endpoint: at } = options;
    const missing = (credential: string) => fail('config/credential-missing', { what: name, credential });
    if (loginToken === undefined && (secretId === undefined || secretKey === undefined))
      throw secretId === undefined && secretKey === undefined
        ? missing('credentials: give `secretId` and `secretKey`, or `id` and `token`')
        : missing(`the credential "${secretId === undefined ? 'secretId' : 'secretKey'}"`);
    if (loginToken === undefined && at !== undefined && hasPath(at))
      throw fail('config/invalid', { file: name, problem: `endpoint: ${pathProblem}` });
    const dnspod =
      loginToken !== undefined
        ? dnspodWithToken({ world, http, endpoint: at, loginToken })
        : dnspodWithKeys({
            ...{ world, http, endpoint: at },
            credentials: fixedKeys({ id: secretId!, secret: secretKey!, token: sessionToken }),
          });

    const listed = async (value: DnsValue, signal: AbortSignal): Promise<readonly string[]> =>
      (await dnspod.list(value, signal)).filter((one) => isRecord(one, value)).map(({ id }) => id);
    /** Reports whether a record exists now. Only lists lag. */
    const isThere = async (value: DnsValue, id: string, signal: AbortSignal): Promise<boolean> => {
      const record = await dnspod.record(value, id, signal);
      return record !== undefined && isRecord(record, value);
    };

    return {
      kind: 'values',
      async append(value, signal) {
        for (const id of await listed(value, signal)) if (await isThere(value, id, signal)) return id;
        return dnspod.create(value, signal);
      },
      async remove(value, made, signal) {
        const ids = [...(await listed(value, signal))];
        // The list may not contain the record yet.
        if (made !== undefined && /^\d+$/.test(made) && !ids.includes(made) && (await isThere(value, made, signal)))
          ids.push(made);
        for (const id of ids) await dnspod.remove(value, id, signal);
      },
      async check(zone, signal) {
        await dnspod.list({ zone, name: zone }, signal);
      },
      close: () => http.close(),
    };
  },
});

const isRecord = ({ type, host, value: text }: DnspodRecord, value: DnspodName & { readonly value: string }): boolean =>
  type === 'TXT' && host === relativeName(value.name, value.zone) && text === value.value;

interface TokenOptions {
  readonly id?: string | undefined;
  readonly token?: Secret | undefined;
  readonly loginToken?: Secret | undefined;
}

/** Returns ID and token in the API's form, or undefined if there are none. Other clients have both in the token. */
function loginTokenOf(name: string, { id, token, loginToken }: TokenOptions): Secret | undefined {
  const invalid = (problem: string) => fail('config/invalid', { file: name, problem });
  const whole = [loginToken, token].find((one) => one?.reveal().includes(','));
  const parts = whole?.reveal().split(',') ?? [id, token?.reveal()];
  const [first, second] = parts.map((part) => part?.trim() || undefined);
  if (loginToken !== undefined && whole !== loginToken)
    throw invalid('`loginToken` is the ID and the token of DNSPod with a comma between them: 13490,6b5976c6…');
  if (first === undefined && second === undefined) return undefined;
  if (first?.startsWith('AKID'))
    throw invalid('a key that begins with AKID is one of Tencent Cloud: give it as `secretId`, with its `secretKey`');
  if (first === undefined || second === undefined)
    throw fail('config/credential-missing', {
      what: name,
      credential: `the ${first === undefined ? 'option "id"' : 'credential "token"'} of the DNSPod token`,
    });
  if (!/^\d+$/.test(first) || parts.length !== 2)
    throw invalid('the ID of a token of DNSPod is a number: give it as `id`, and the token as `token`');
  return new Secret(`${first},${second}`);
}
