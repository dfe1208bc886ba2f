import { expect, it } from 'vitest';
import { checkConfiguration } from '../file/load.ts';

const nothing = async () => undefined;
const files = { read: nothing, stat: nothing, list: nothing, untrusted: nothing, user: () => 0 };
const certificates = `issuers: { le: { directory: letsencrypt, agreeToTerms: true } }
solvers: { web: { type: http01-responder } }
certificates: [{ name: fleet, identifiers: [fleet.example.com], issuer: le, solver: web }]
listen: 127.0.0.1:9110
`;
const provider = (issuer: string, roles = '{ viewer: [staff] }') =>
  `issuer: "${issuer}", clientId: c, clientSecret: "env:SECRET", roles: ${roles}`;
const check = (pages: string) =>
  checkConfiguration({ file: 'c.yaml', text: `${certificates}pages: ${pages}\n`, files, env: {} });

it.each([
  ['{ listen: "127.0.0.1:8443" }', { listen: ['127.0.0.1:8443'], hosts: [], behindProxy: false }],
  ['{ listen: ["[::1]:8443", "unix:/run/p.sock"] }', { listen: ['[::1]:8443', 'unix:/run/p.sock'] }],
  ['{ listen: "0.0.0.0:8443", certificate: fleet }', { hosts: ['fleet.example.com'], certificate: 'fleet' }],
  ['{ listen: "8443", certificate: other, hosts: [A.Example.com.] }', { hosts: ['a.example.com'] }],
  ['{ listen: "10.0.0.1:80", behindProxy: true, hosts: [a.example.com] }', { behindProxy: true }],
  [
    `{ listen: "127.0.0.1:8443", oidc: { ${provider('https://id.example.com/a')} } }`,
    {
      oidc: {
        ...{ issuer: 'https://id.example.com/a', clientId: 'c', clientSecret: 'env:SECRET', claim: 'groups' },
        ...{ scopes: ['profile', 'email'], roles: { viewer: ['staff'], operator: [], admin: [] } },
      },
    },
  ],
  [`{ listen: "127.0.0.1:8443", oidc: { ${provider('http://localhost:8080/realms/a')} } }`, {}],
])('takes %s', async (text, expected) => {
  const { settings, problems } = await check(text);
  expect(problems).toEqual([]);
  expect(settings?.pages).toMatchObject(expected);
});

it.each([
  ['{ listen: "0.0.0.0:8443" }', '0.0.0.0:8443 can be reached from other machines, so it needs HTTPS: set'],
  ['{ listen: "192.0.2.1:8443" }', '192.0.2.1:8443 can be reached from other machines'],
  ['{ listen: "0.0.0.0:8443", certificate: other }', 'name the hosts under which 0.0.0.0:8443 is opened, like hosts:'],
  ['{ listen: "127.0.0.1:1", certificate: fleet, behindProxy: true }', 'leave out `certificate` or `behindProxy`:'],
  ['{ listen: "unix:/a", behindProxy: true, hosts: [a.test] }', 'the proxy needs an address, such as 127.0.0.1:8443'],
  ['{ listen: "127.0.0.1:8443", behindProxy: true }', 'name the hosts under which the proxy is opened, like hosts:'],
  ['{ listen: ["127.0.0.1:8443", "127.0.0.1:8443"] }', '127.0.0.1:8443 is listed twice; leave one of them out'],
  ['{ listen: "127.0.0.1:9110" }', '127.0.0.1:9110 is the address of `listen`, for health checks and metrics'],
  ['{ listen: "fleet:8443" }', 'must be an IP address with a port, like 127.0.0.1:9110, or a Unix socket'],
  ['{ listen: [] }', 'pages.listen must not be empty'],
  ['{ listen: "127.0.0.1:8443", hosts: ["a.test:8443"] }', 'must be a name without a port, like certfleet.example.com'],
  ['{ listen: "127.0.0.1:8443", hosts: ["*.test"] }', 'must be a name without a port'],
  [
    '{ listen: "127.0.0.1:8443", certificate: "*" }',
    'must be the name of a certificate, as `certfleet status` shows it',
  ],
  [
    '{ listen: "127.0.0.1:8443", behindProxies: true }',
    'unknown key "behindProxies" in pages; did you mean "behindProxy"?',
  ],
  ...[
    'http://id.test',
    'http://localhost.evil.test',
    'http://localhost@evil.test',
    'https://a:b@id.test',
    'https://id.test/?a',
    'id',
  ].map((issuer): [string, string] => [
    `{ listen: "127.0.0.1:8443", oidc: { ${provider(issuer)} } }`,
    'must be the https:// URL of the provider; http:// is for one on this machine',
  ]),
  [
    `{ listen: "127.0.0.1:8443", oidc: { ${provider('https://id.test', '{ viewer: [] }')} } }`,
    'name at least one value that gives a role, like admin: [certfleet-admins]',
  ],
  [
    `{ listen: "127.0.0.1:8443", oidc: { ${provider('https://id.test')}, claim: preferred_username } }`,
    'must be a claim that people cannot choose themselves',
  ],
  [`{ listen: "127.0.0.1:8443", oidc: { ${provider('https://id.test', '{ root: [a] }')} } }`, 'unknown key "root"'],
  ['{}', '"listen" is missing in pages'],
])('refuses %s', async (text, expected) => {
  const { problems } = await check(text);
  expect(problems.map(({ message }) => message).join('\n')).toContain(expected);
});
