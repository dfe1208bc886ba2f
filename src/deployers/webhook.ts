import { createHmac } from 'node:crypto';
import { onTarget, targetName } from '../clients/folders/target.ts';
import {
  type ApiAnswer,
  ApiRefusal,
  createJsonApi,
  type JsonApiOptions,
  judgeByStatus,
  UnreadableAnswer,
  type Verdict,
} from '../clients/http/json-api.ts';
import { LookAgain, untilKnown } from '../clients/http/look-again.ts';
import { headersIn, tokensIn } from '../clients/http/webhook-parts.ts';
import { fail } from '../core/errors/errors.ts';
import { identifierKey } from '../core/names/identifier.ts';
import { isFields, parseJson } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { defineDeployer, duration, plainHeaders, secret, wholePath, z } from '../define.ts';
import type { Deployer, Look, VersionBundle } from '../ports/deployer.ts';

const webUrl = (title: string, example: string) =>
  z
    .string()
    .refine((text) => URL.canParse(text) && isWebUrl(new URL(text)) && !/[#\s]/.test(text), {
      error: 'expected an https:// or http:// URL without USER:PASSWORD@ and without a fragment',
    })
    .meta({ title, examples: [example], endpoint: true });
const isWebUrl = ({ protocol, username, password }: URL): boolean =>
  ['https:', 'http:'].includes(protocol) && username + password === '';

export default defineDeployer({
  id: 'webhook',
  title: 'Webhook (a server of your own)',
  since: '0.1.0',
  options: z.strictObject({
    url: webUrl('Where each version is sent, with POST', 'https://deploy.example.com/certificates'),
    lookUrl: webUrl(
      'Where the server says which version it uses, with GET; `{name}` is the name of the certificate',
      'https://deploy.example.com/certificates/{name}',
    ).optional(),
    key: z.boolean().default(false).meta({ title: 'Also send the private key, over https only' }),
    hmacKey: secret('A key that signs each request with HMAC-SHA256').optional(),
    headers: plainHeaders(),
    secretHeaders: secret('More headers, with secrets: each on a line of its own, as `Name: value`').optional(),
    expectStatus: z
      .array(z.number().int().min(200).max(299))
      .min(1)
      .optional()
      .meta({ title: 'The statuses that mean success, if not all from 200 to 299', examples: [[200]] }),
    timeout: duration('How long the server may take to answer').prefault('30s'),
    caFile: wholePath().optional().meta({ title: 'A PEM file with more roots, if the server has a private CA' }),
  }),
  notes: `The server gets

\`\`\`json
{
  "name": "www", "version": "3f2a9c0d51e7",
  "identifiers": ["www.example.com"],
  "serial": "0a1b2c", "fingerprint": "9f86d081…",
  "notBefore": "2027-01-01T00:00:00.000Z", "notAfter": "2027-04-01T00:00:00.000Z",
  "fullchain": "-----BEGIN CERTIFICATE-----…"
}
\`\`\`

and with \`key: true\` also \`privateKey\`, in PEM. \`fingerprint\` is the SHA-256 of the certificate in hex. It answers with a
status from 200 to 299. After no answer or a status from 500 on, the request is sent twice more, and \`certfleet renew\`
tries again. So a request may come more than once: the header \`Idempotency-Key\` is the same for the same version. After
a rollback, the version before comes again with its own key, so compare with the version in use, not with all that ever
came.

With \`lookUrl\`, the server answers \`{ "fingerprint": "…" }\` with the certificate that is in use, and 404 or \`null\` if
there is none. A delivery has succeeded when this is the new one, for which certfleet waits up to 45 seconds. Without it,
certfleet has only the answer to the request: the version counts as delivered from then on, and
\`certfleet renew --redeploy\` sends it again.

With \`hmacKey\`, the header \`Certfleet-Signature: t=SECONDS,v1=HEX\` contains the time and the HMAC-SHA256 of \`SECONDS\`, a
dot and the body. The server should compute it with the bytes of the body, compare it in constant time, and refuse a time
that is more than five minutes off. \`secretHeaders: file:/etc/certfleet/webhook-headers\` reads lines such as
\`Authorization: Bearer …\`. The private key and these headers are never sent over http. Redirects are not followed.

Without \`key\`, it is a message about a delivery: it is sent after the targets listed before it were tried, as a
\`command\` runs.`,
  connect({ options, name, world }): Deployer {
    const { url, lookUrl, key, hmacKey, expectStatus, timeout } = options;
    const target = targetName('webhook', name);
    const refuse = (problem: string) => fail('config/invalid', { file: target, problem });
    const secretHeaders = headersIn(options.secretHeaders);
    if (secretHeaders === undefined) throw refuse('`secretHeaders` needs lines of the form `Name: value`');
    const urls = [url, lookUrl].filter((one) => one !== undefined);
    if ((key || secretHeaders.length > 0) && !urls.every((one) => one.startsWith('https:')))
      throw refuse(`${key ? '`key: true`' : '`secretHeaders`'} needs https:// in \`url\` and \`lookUrl\``);

    const common: Omit<JsonApiOptions, 'judge'> = {
      http: world.http(present({ caFile: options.caFile })),
      ...{ clock: world.clock, random: world.random, log: world.log, name: target },
      parse: parseLeniently,
      secrets: [hmacKey, ...secretHeaders.map(([, value]) => value), ...urls.flatMap((one) => tokensIn(one))],
      error: ({ what, about, reason, retryAt, cause }) =>
        // A URL may contain a token, and the cause of a failed connection has the whole URL.
        fail(
          'deploy/target-failed',
          { target, certificate: about ?? '', reason: `${what}: ${reason}` },
          { retryAt, cause: cause instanceof ApiRefusal ? cause : undefined },
        ),
    };
    const posting = createJsonApi({ ...common, judge: (answer) => judgePost(answer, expectStatus) });
    const looking = createJsonApi({ ...common, judge: judgeLook });
    const headers = (): Readonly<Record<string, string>> => {
      const secret = secretHeaders.map(([name, value]) => [name, value.reveal()] as const);
      const all = [...Object.entries(options.headers), ...secret];
      return Object.fromEntries(all.map(([name, value]) => [name.toLowerCase(), value]));
    };
    const signed = (body: string): Readonly<Record<string, string>> => {
      if (!hmacKey) return {};
      const seconds = Math.floor(world.clock.now().getTime() / 1000);
      const hmac = createHmac('sha256', hmacKey.reveal()).update(`${seconds}.${body}`).digest('hex');
      return { 'certfleet-signature': `t=${seconds},v1=${hmac}` };
    };

    async function look({ lineage, facts }: VersionBundle, signal: AbortSignal): Promise<Look> {
      if (lookUrl === undefined) return { state: 'stale', detail: 'without lookUrl, the server cannot be asked' };
      const used = await looking.call({
        ...{ what: 'GET', about: lineage, readsOnly: true, signal },
        build: () => ({
          method: 'GET',
          url: lookUrl.replaceAll('{name}', () => encodeURIComponent(lineage)),
          headers: { ...headers(), accept: 'application/json' },
          timeoutMs: timeout,
        }),
        read: fingerprintIn,
      });
      if (used === undefined) return { state: 'absent', detail: 'the server has no certificate of this name' };
      if (used === facts.fingerprint) return { state: 'current', detail: 'the server uses it' };
      return { state: 'stale', detail: 'the server uses another certificate' };
    }

    const post = (version: VersionBundle, signal: AbortSignal) => {
      const body = bodyOf(version, key);
      return posting.call({
        ...{ what: 'POST', about: version.lineage, readsOnly: false, isRepeatable: true, signal },
        secrets: [version.keyPem],
        build: () => ({
          method: 'POST',
          url,
          headers: {
            ...headers(),
            'content-type': 'application/json',
            'idempotency-key': encodeURIComponent(`${version.lineage}/${version.id}`),
            ...signed(body),
          },
          body,
          timeoutMs: timeout,
        }),
        read: () => {},
      });
    };

    return {
      type: 'webhook',
      scope: 'fleet',
      ...present({ runsAfter: key ? undefined : true }),
      look: (version, signal) => onTarget(target, version.lineage, signal, () => look(version, signal)),
      stage: (version, _note, signal) => onTarget(target, version.lineage, signal, async () => null),
      activate: (version, _staged, _note, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          await post(version, signal);
          if (lookUrl === undefined) return;
          const reachUse = async () => {
            const { state, detail } = await look(version, signal);
            const reason = `it accepted the certificate, but ${detail}`;
            if (state !== 'current') throw new LookAgain(new Error(reason), version.id);
          };
          await untilKnown(world.clock, reachUse, signal);
        }),
    };
  },
});

function bodyOf({ lineage, id, facts, fullchainPem, keyPem }: VersionBundle, withKey: boolean): string {
  const { identifiers, serial, fingerprint, notBefore, notAfter } = facts;
  return JSON.stringify({
    ...{ name: lineage, version: id, identifiers: identifiers.map(identifierKey) },
    ...{ serial, fingerprint, notBefore, notAfter, fullchain: fullchainPem },
    ...present({ privateKey: withKey ? keyPem.reveal() : undefined }),
  });
}

/** The answer to a POST may be anything, so only the status counts. */
const parseLeniently = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
};

const judgeLook = (answer: ApiAnswer): Verdict => (answer.status === 404 ? { kind: 'fine' } : judgeByStatus(answer));

/** Returns the fingerprint of the certificate in use; undefined if there is none. */
function fingerprintIn({ status, body }: ApiAnswer): string | undefined {
  if (status === 404) return undefined;
  const found = isFields(body) ? body['fingerprint'] : undefined;
  if (found === null) return undefined;
  const hex = typeof found === 'string' ? found.replaceAll(':', '').toLowerCase() : '';
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  throw new UnreadableAnswer('the fingerprint is missing in its answer, or is no SHA-256 in hex');
}

function judgePost(answer: ApiAnswer, expected: readonly number[] | undefined): Verdict {
  const { status, headers } = answer;
  // The page of a proxy, or one for logging in.
  if (status < 300 && headers['content-type']?.startsWith('text/html'))
    return { kind: 'failed', reason: `HTTP ${status} with a web page` };
  const verdict = judgeByStatus(answer);
  if (verdict.kind !== 'fine' || !expected || expected.includes(status)) return verdict;
  return { kind: 'failed', reason: `HTTP ${status} instead of ${expected.join(' or ')}` };
}
