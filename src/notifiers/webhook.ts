import { createNotifyApi, notifierName } from '../clients/http/notify-api.ts';
import { headersIn, tokensIn } from '../clients/http/webhook-parts.ts';
import { type Message, messageOf } from '../core/alarm/message.ts';
import { fail } from '../core/errors/errors.ts';
import { cut } from '../core/errors/remote-text.ts';
import { defineNotifier, plainHeaders, secret, secretUrl, wholePath, z } from '../define.ts';

const words = ['title', 'text', 'node', 'at'] as const;
type Values = Readonly<Record<(typeof words)[number], string>>;

const placeholder = /\{(\w+)\}/g;
const areKnown = (value: unknown): boolean =>
  [...(JSON.stringify(value) ?? '').matchAll(placeholder)].every(([, word]) => words.some((one) => one === word));
const unknownPlaceholder = { error: `a placeholder is one of ${words.map((word) => `{${word}}`).join(', ')}` };

/** Long enough for every alarm of a large fleet, and short enough for the usual limits of servers. */
const most = 100_000;

export default defineNotifier({
  id: 'webhook',
  title: 'Webhook (a server of your own, or any service that has one)',
  since: '0.1.0',
  options: z.strictObject({
    url: secretUrl('Where each message is sent, with POST').describe(
      'A secret, because anyone who knows such an address can send messages.',
    ),
    body: z
      .union([z.string().min(1), z.record(z.string(), z.unknown())], { error: 'expected a text or an object' })
      .refine(areKnown, unknownPlaceholder)
      .optional()
      .meta({
        title:
          'The body, with the placeholders `{title}`, `{text}`, `{node}` and `{at}`; by default, everything as JSON',
        description: 'An object is sent as JSON, with the placeholders in its texts filled in, and a text as it is.',
        examples: [{ summary: '{title}', details: '{text}' }, '{title}'],
      }),
    headers: plainHeaders().refine(areKnown, unknownPlaceholder),
    secretHeaders: secret('More headers, with secrets: each on a line of its own, as `Name: value`').optional(),
    caFile: wholePath().optional().meta({ title: 'A PEM file with more roots, if the server has a private CA' }),
  }),
  notes: `Without \`body\`, the server gets

\`\`\`json
{
  "title": "certfleet: www.example.com: it cannot be renewed", "text": "New: www.example.com: …",
  "node": "web-1", "at": "2026-11-29T10:00:00.000Z", "test": false,
  "opened": [
    {
      "key": "failing/www.example.com", "kind": "failing", "certificate": "www.example.com",
      "message": "the CA could not reach www.example.com", "hint": "Open port 80.",
      "since": "2026-11-29T09:58:00.000Z", "code": "acme/problem"
    }
  ],
  "repeated": [], "resolved": [], "more": []
}
\`\`\`

\`more\` counts alarms of one kind that are too many to be listed. \`key\` stays the same for as long as an alarm is open.
The message is sent once a status from 200 to 299 has come, and not with a web page (\`text/html\`), which proxies and pages
for logging in answer. A redirect is not followed. In \`headers\`, placeholders are
filled in with ASCII characters alone.

\`body\` and \`headers\` adapt the message to a service that certfleet does not know, for instance ntfy:

\`\`\`yaml
alarms:
  phone:
    type: webhook
    url: "file:/etc/certfleet/ntfy-url"
    body: "{text}"
    headers: { Title: "{title}", Priority: high }
\`\`\``,
  connect({ options, name, world }) {
    const url = options.url.reveal();
    const secretHeaders = headersIn(options.secretHeaders);
    if (secretHeaders === undefined)
      throw fail('config/invalid', {
        file: notifierName(name, 'webhook'),
        problem: '`secretHeaders` needs lines of the form `Name: value`',
      });
    const send = createNotifyApi({
      ...{ world, name, type: 'webhook', caFile: options.caFile },
      advice: 'Correct `url`, `body` or the headers.',
      secrets: [options.url, ...tokensIn(url, 8), ...secretHeaders.map(([, value]) => value)],
    });
    const headersFor = (values: Values): Readonly<Record<string, string>> => {
      const plain = Object.entries(options.headers).map(
        ([one, value]) => [one, asciiOf(filled(value, values))] as const,
      );
      const secret = secretHeaders.map(([one, value]) => [one, value.reveal()] as const);
      return Object.fromEntries([...plain, ...secret].map(([one, value]) => [one.toLowerCase(), value]));
    };
    return {
      type: 'webhook',
      async send(news, signal) {
        const message: Message = messageOf(news, { title: 200, most });
        const values = { ...message, node: news.node, at: news.at };
        const { isTest, ...rest } = news;
        const body =
          options.body === undefined
            ? { ...message, test: isTest === true, ...rest }
            : withValues(options.body, values);
        await send(() => ({ url, headers: headersFor(values), body }), signal);
      },
    };
  },
});

const filled = (text: string, values: Values): string =>
  text.replace(placeholder, (whole, word: string) => (word in values ? values[word as keyof Values] : whole));

/** Fills in placeholders wherever there is a text. A name of a field stays, so a value never becomes one. */
function withValues(value: unknown, values: Values): unknown {
  if (typeof value === 'string') return filled(value, values);
  if (Array.isArray(value)) return value.map((one) => withValues(one, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withValues(one, values)]));
}

/** A header has one line, and HTTP allows only some characters there. */
const asciiOf = (text: string): string =>
  cut(text, 1_000)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim();
