import { createDnsApi } from '../clients/http/dns-api.ts';
import { type ApiAnswer, judgeByStatus, type Verdict } from '../clients/http/json-api.ts';
import { fail } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { endpointProblem, isApiEndpoint } from '../core/names/api-endpoint.ts';
import { parseJson } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, secret, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const title = 'HTTP request (lego’s httpreq)';

export default defineDnsProvider({
  id: 'http-request',
  title,
  homepage: 'https://go-acme.github.io/lego/dns/httpreq/',
  apiDocs: 'https://go-acme.github.io/lego/dns/httpreq/#description',
  since: '0.1.0',
  tested: 'lego 4.9.1',
  options: z.strictObject({
    endpoint: z
      .string()
      .refine(isApiEndpoint, { error: ({ input }) => endpointProblem(input) })
      .meta({
        title: 'The server’s URL; `/present` and `/cleanup` are added to it',
        examples: ['https://dns.example.com/acme'],
        aliases: ['HTTPREQ_ENDPOINT'],
        endpoint: true,
      }),
    mode: z
      .enum(['default', 'RAW'])
      .default('default')
      .meta({
        title: 'What is sent',
        description: '`default`: `fqdn` and `value`. `RAW`: `domain`, `token` and `keyAuth`.',
        aliases: ['HTTPREQ_MODE'],
      }),
    username: z
      .string()
      .min(1)
      .optional()
      .meta({ title: 'User name for HTTP Basic authentication', aliases: ['HTTPREQ_USERNAME'] }),
    password: secret('Its password', { aliases: ['HTTPREQ_PASSWORD'] }).optional(),
    credentials: credentialsFile(['HTTPREQ_']),
  }),
  notes: `A server of your own changes the zone. It gets \`POST /present\` before a challenge and \`POST /cleanup\` after it, with

\`\`\`json
{ "fqdn": "_acme-challenge.example.com.", "value": "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM" }
\`\`\`

or, in the mode \`RAW\`, with \`{ "domain": "example.com", "token": "…", "keyAuth": "…" }\`, and answers with a status below
300. Each request may come again: a value that is there already, or gone already, is a success. A certificate for a
name and its wildcard needs two values at one name, so \`/cleanup\` must remove only the value that it gets.`,
  // Sends one request after another for each name, as servers expect from lego. The service behind a server may be
  // slow.
  traits: { writes: 'name', minTtl: 0, maxConcurrent: 4, visibleMs: 600_000 },
  connect({ name, options, world }) {
    const { endpoint, mode, username, password } = options;
    if ((username === undefined) !== (password === undefined))
      throw fail('config/invalid', {
        file: name,
        problem: `\`username\` and \`password\` must be set together, but \`${username === undefined ? 'username' : 'password'}\` is missing`,
      });
    const basic = password && new Secret(Buffer.from(`${username}:${password.reveal()}`).toString('base64'));
    const http = world.http();
    const given = { world, http, provider: title, advice: 'The server’s log may say why.', parse };

    const common = { read: () => undefined, secrets: password && basic ? [password, basic] : [] };
    const url = (path: string) => `${endpoint.replace(/\/$/, '')}/${path}`;
    const authorization = basic && { authorization: `Basic ${basic.reveal()}` };

    const post = (path: 'present' | 'cleanup', value: DnsValue, signal: AbortSignal) =>
      createDnsApi({ ...given, judge }).call({
        ...{ ...common, what: `/${path}`, about: value.name, readsOnly: false, signal },
        build: () => ({
          method: 'POST',
          url: url(path),
          headers: { 'content-type': 'application/json', ...authorization },
          body: JSON.stringify(mode === 'RAW' ? raw(value) : { fqdn: `${value.name}.`, value: value.value }),
        }),
      });

    return {
      kind: 'values',
      append: (value, signal) => post('present', value, signal),
      remove: (value, _made, signal) => post('cleanup', value, signal),
      // A safe method, which changes nothing, and which a server need not support. It shows whether the credentials are
      // right.
      check: (zone, signal) =>
        createDnsApi({ ...given, judge: judgeCheck }).call({
          ...{ ...common, what: 'HEAD /present', about: zone, readsOnly: true, signal },
          build: () => ({ method: 'HEAD', url: url('present'), headers: { ...authorization } }),
        }),
      close: () => http.close(),
    };
  },
});

function raw({ name, challenge }: DnsValue) {
  if (challenge) return { domain: challenge.domain, token: challenge.token, keyAuth: challenge.keyAuthorization };
  const reason = 'the mode RAW sends the challenge of a CA, and there is none';
  const advice = 'Only DNS-01 has one. Set `mode: default`, if the server knows that mode.';
  throw fail('dns/refused', { provider: title, name, reason, advice });
}

/** Parses leniently. A server may return anything, so only the status counts. */
const parse = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
};

function judgeCheck(answer: ApiAnswer): Verdict {
  const known = [400, 404, 405, 415, 501].includes(answer.status);
  return known ? { kind: 'fine' } : judge(answer);
}

function judge(answer: ApiAnswer): Verdict {
  const { status, headers } = answer;
  // The page of a proxy, or one for logging in.
  if (status < 300 && headers['content-type']?.startsWith('text/html'))
    return { kind: 'failed', reason: `HTTP ${status} with a web page` };
  if (status === 401 || status === 403)
    return judgeByStatus(answer, { advice: 'Check `username` and `password` of the solver in certfleet.yaml.' });
  if (status === 404 || status === 405)
    return judgeByStatus(answer, {
      advice: 'Check `endpoint` of the solver in certfleet.yaml: `/present` and `/cleanup` are added to it.',
    });
  return judgeByStatus(answer);
}
