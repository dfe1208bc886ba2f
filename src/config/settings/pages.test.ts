import { expect, it } from 'vitest';
import { checkConfiguration } from '../file/load.ts';

const nothing = async () => undefined;
const files = { read: nothing, stat: nothing, list: nothing, untrusted: nothing, user: () => 0 };
const certificates = `issuers: { le: { directory: letsencrypt, agreeToTerms: true } }
solvers: { web: { type: http01-responder } }
certificates: [{ name: fleet, identifiers: [fleet.example.com], issuer: le, solver: web }]
listen: 127.0.0.1:9110
`;
const check = (pages: string) =>
  checkConfiguration({ file: 'c.yaml', text: `${certificates}pages: ${pages}\n`, files, env: {} });

it.each([
  ['{ listen: "127.0.0.1:8443" }', { listen: ['127.0.0.1:8443'], hosts: [], behindProxy: false }],
  ['{ listen: ["[::1]:8443", "unix:/run/p.sock"] }', { listen: ['[::1]:8443', 'unix:/run/p.sock'] }],
  ['{ listen: "0.0.0.0:8443", certificate: fleet }', { hosts: ['fleet.example.com'], certificate: 'fleet' }],
  ['{ listen: "8443", certificate: other, hosts: [A.Example.com.] }', { hosts: ['a.example.com'] }],
  ['{ listen: "10.0.0.1:80", behindProxy: true, hosts: [a.example.com] }', { behindProxy: true }],
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
  ['{}', '"listen" is missing in pages'],
])('refuses %s', async (text, expected) => {
  const { problems } = await check(text);
  expect(problems.map(({ message }) => message).join('\n')).toContain(expected);
});
