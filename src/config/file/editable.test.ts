import fc from 'fast-check';
import { load } from 'js-yaml';
import { expect, it } from 'vitest';
import { unseen } from '../../core/errors/remote-text.ts';
import { storedSpecOf } from '../../core/spec/stored-spec.ts';
import { registry } from '../../generated/registry.ts';
import { editableText, yamlOf } from './editable.ts';
import { settingsOf } from './yaml.ts';

it('writes references in place of what is stored inside, so that the same settings are read again', async () => {
  const text = `
issuers:
  own: { directory: https://ca.test/dir, caFile: /ca.pem, test: true, agreeToTerms: true }
balancers:
  edge: { type: haproxy, sockets: [/run/haproxy.sock], map: /etc/haproxy/map }
solvers:
  web: { type: http01-forward-rule, balancer: edge, listen: "127.0.0.1:30080" }
  dns: { type: dns01, provider: rfc2136, options: { server: "ns1.example.com:53", keyName: acme, secret: "env:TSIG" }, zones: { example.net: other } }
  other: { type: dns01, provider: rfc2136, options: { server: "ns2.example.com:53", keyName: acme, secret: "env:TSIG" } }
deployers:
  files: { type: files, path: /etc/certs }
certificates:
  - name: abc
    identifiers: [abc.example.com, { name: "*.example.org", solver: dns }, { name: 192.0.2.1, solver: web }]
    issuer: own
    solver: web
    deploy: [files]
    endpoints: ["abc.example.com:443"]
    reuseKey: true
    hooks: { post: "start it" }
`;
  const read = async (from: string) => {
    const { settings, problems } = await settingsOf([from], {}, registry);
    expect(problems).toEqual([]);
    return storedSpecOf(settings!, settings!.certificates[0]!);
  };
  const stored = await read(text);
  expect(await read(await editableText(stored, registry))).toEqual(stored);
});

it('escapes what an editor does not show, so that what is seen is what is stored', async () => {
  const signs = ['\u202e', '\u2066', '\u200b', '\u0085', '\u2028', '\ufeff', '\u00ad', '\u007f', '\u001b', '\u{e0041}'];
  const post = `start it # ${signs.join('x')}\nthen "this" \\ über ${'and more '.repeat(20)}`;
  const text = `
issuers: { own: { directory: https://ca.test/dir, agreeToTerms: true } }
solvers: { web: { type: http01-responder } }
certificates: [{ name: abc, identifiers: [abc.example.com], hooks: { post: ${JSON.stringify(post)} } }]
`;
  const read = async (from: string) => {
    const { settings, problems } = await settingsOf([from], {}, registry);
    expect(problems).toEqual([]);
    return storedSpecOf(settings!, settings!.certificates[0]!);
  };
  const stored = await read(text);
  expect(stored.hooks?.post).toBe(post);
  const shown = await editableText(stored, registry);
  expect(shown).toMatch(/^[\n\x20-\x7eü]*$/);
  expect(shown).toContain('\\u202E');
  expect((await read(shown)).hooks?.post).toBe(post);
});

it('writes any text so that it is read again, and all of it is seen', () => {
  const sign = fc.oneof(
    fc.constantFrom(
      ...'\u202e\u200b\u0085\u2028\ufeff\u00ad\u007f\u001b\t\n\r "\'\\#:-?[]{},&*!|>%@`~\ud800',
      '\u{e0041}',
    ),
    fc.constantFrom('a', 'ü', '漢', ' ', 'and more '),
  );
  const text = fc.oneof(
    fc.array(sign, { maxLength: 60 }).map((signs) => signs.join('')),
    fc.constantFrom('yes', '0x10', '~', 'null', '1_000', '2020-01-01', '<<', ''),
  );
  fc.assert(
    fc.property(text, text, (key, value) => {
      const written = yamlOf({ [key]: [value, { [key]: value, none: undefined }] });
      expect(written.search(unseen)).toBe(-1);
      expect(load(written)).toEqual({ [key]: [value, { [key]: value }] });
    }),
  );
});
