import { expect, it } from 'vitest';
import { markAsWritten } from '../../core/spec/as-written.ts';
import { registry } from '../../generated/registry.ts';
import { settingsOf } from '../file/yaml.ts';
import { shownSettings } from './shown-settings.ts';

const text = `
store: { type: postgres, url: "postgres://fleet:tell-nobody@db.example.com/fleet" }
storeKey: file:/etc/certfleet/store.key
listen: { address: "0.0.0.0:9110", token: tell-nobody }
heartbeat: https://ping.example.com/tell-nobody
pages:
  listen: "127.0.0.1:8443"
  oidc: { issuer: "https://id.test", clientId: c, clientSecret: tell-nobody, roles: { viewer: [staff] } }
issuers:
  zerossl: { directory: zerossl, agreeToTerms: true, eab: { kid: kid-1, hmacKey: tell-nobody } }
solvers:
  cloud: { type: dns01, provider: cloudflare, options: { token: tell-nobody } }
  other: { type: dns01, provider: cloudflare, options: { token: "env:CLOUDFLARE_TOKEN" } }
  hook: { type: command, present: ["/usr/bin/add", "--password", tell-nobody], env: { API_PASSWORD: tell-nobody } }
deployers:
  reload: { type: command, run: "PASSWORD=tell-nobody reload" }
  push: { type: command, run: "curl -H 'Authorization: tell-nobody' https://example.com" }
alarms:
  ops: { type: webhook, url: "https://example.com/tell-nobody", headers: { X-Cluster: west } }
  mail: { type: email, host: smtp.example.com, username: fleet, password: "file:/etc/certfleet/mail", from: a@example.com, to: b@example.com }
certificates:
  - { name: www, identifiers: [www.example.com], issuer: zerossl, solver: cloud }
`;

it('shows where secrets are, and never what they are', async () => {
  const { settings, problems } = await settingsOf([text], {}, registry);
  expect(problems).toEqual([]);
  const shown = await shownSettings(settings!, registry);
  expect(JSON.stringify(shown)).not.toContain('tell-nobody');
  const option = (path: string, name: string) =>
    shown.parts.find((one) => one.path === path)?.options.find((one) => one.name === name);
  expect(shown.certificates).toBe(1);
  // The mark of what the store declares is none of its options.
  const { cloud } = settings!.solvers;
  const marked = { ...cloud!, settings: { ...cloud!.settings, options: markAsWritten({ type: 'cloudflare' }) } };
  const stored = await shownSettings({ ...settings!, solvers: { cloud: marked } }, registry);
  expect(JSON.stringify(stored)).not.toContain('asWritten');
  for (const [path, name, value] of [
    ['certfleet', 'storeKey', 'file:/etc/certfleet/store.key'],
    ['certfleet', 'heartbeat', undefined],
    ['listen', 'token', undefined],
    ['pages', 'listen', '127.0.0.1:8443'],
    ['pages', 'oidc.issuer', 'https://id.test'],
    ['pages', 'oidc.clientSecret', undefined],
    ['pages', 'oidc.roles', '{"viewer":["staff"],"operator":[],"admin":[]}'],
    ['store', 'url', undefined],
    ['issuers.zerossl', 'eab.kid', 'kid-1'],
    ['issuers.zerossl', 'eab.hmacKey', undefined],
    ['solvers.cloud', 'provider', 'cloudflare'],
    ['solvers.cloud', 'options.token', undefined],
    ['solvers.other', 'options.token', 'env:CLOUDFLARE_TOKEN'],
    ['solvers.hook', 'present', '/usr/bin/add …'],
    ['solvers.hook', 'env', '{ API_PASSWORD }'],
    ['deployers.reload', 'run', undefined],
    ['deployers.push', 'run', 'curl …'],
    ['alarms.ops', 'url', undefined],
    ['alarms.ops', 'headers', '{ X-Cluster }'],
    ['alarms.mail', 'host', 'smtp.example.com'],
    ['alarms.mail', 'password', 'file:/etc/certfleet/mail'],
  ] as const)
    expect([path, option(path, name)]).toEqual([path, { name, value }]);
});
