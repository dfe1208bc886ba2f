import { settingsPage, type WestRecords, westAccount, westKey } from '../clients/westcn.ts';
import { fail } from '../core/errors/errors.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

export default defineDnsProvider({
  id: 'westcn',
  title: 'West.cn (西部数码)',
  homepage: 'https://www.west.cn',
  apiDocs: 'https://www.west.cn/CustomerCenter/doc/domain_v2.html',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    domainKey: secret('Key of one domain', { aliases: ['apidomainkey'] }).optional(),
    username: z
      .string()
      .regex(/^[\x21-\x7e]+$/, { error: 'expected the user name in letters and digits' })
      .optional()
      .meta({
        title: 'User name of the account, if there is no key of a domain',
        examples: ['ops'],
        aliases: ['WESTCN_USERNAME', 'DWEST_USERNAME', 'WEST_Username'],
      }),
    password: secret('API password of the account, which is not the one for logging in', {
      aliases: ['WESTCN_PASSWORD', 'DWEST_PASSWORD'],
    }).optional(),
    apiKey: secret('API key of the account (the MD5 sum of the API password)', { aliases: ['WEST_Key'] }).optional(),
    credentials: credentialsFile(['dns_westcn_']),
    endpoint: endpoint('The API’s address, if it is not https://api.west.cn'),
  }),
  notes: `The page of each domain in the console has a key (\`apidomainkey\`), with which only this domain can be changed: give it as
\`domainKey\`. It is used if there are other credentials too.

For several domains, set an API password at <${settingsPage}>, and allow the address of this machine there. Give it
with \`username\` as \`password\`; or its MD5 sum as \`apiKey\`, as acme.sh has it. It may do everything in the account.`,
  traits: {
    // Records are separate objects, and West.cn itself refuses duplicates.
    writes: 'value',
    minTtl: 60,
    // The API closes for a while if it is called too often, without saying how often that is.
    maxConcurrent: 1,
    perMinute: 60,
    visibleMs: 3 * 60_000,
    // At this rate, many values take longer than usual to remove.
    cleanupBudgetMs: 2 * 60_000,
  },
  connect({ name, options, world }) {
    const { username, password, apiKey, domainKey } = options;
    const http = world.http();
    const parts = { world, http, base: (options.endpoint ?? 'https://api.west.cn').replace(/\/+$/, '') };
    const records = chosen();

    function chosen(): WestRecords {
      if (domainKey !== undefined) return westKey({ ...parts, key: { domainKey } });
      if (username !== undefined && password !== undefined) return westAccount({ ...parts, username, password });
      if (username !== undefined && apiKey !== undefined) return westKey({ ...parts, key: { username, apiKey } });
      const credential = 'credentials: give `domainKey`, or `username` with `password` or `apiKey`';
      throw fail('config/credential-missing', { what: name, credential });
    }

    return {
      kind: 'values',
      async append(value, signal) {
        const [existing] = await records.find(value, signal);
        return existing ?? records.create(value, signal);
      },
      async remove(value, _made, signal) {
        for (const id of await records.find(value, signal)) await records.remove(value, id, signal);
      },
      async check(zone, signal) {
        await records.find({ zone, name: zone, value: '', ttl: 60 }, signal);
      },
      close: () => http.close(),
    };
  },
});
