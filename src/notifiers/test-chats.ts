import { Secret } from '../core/errors/secret.ts';
import { isFields } from '../core/text/json.ts';
import { createFakeApi, type FakeAnswer } from '../testing/fake-api.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import { type FakeNotifyService, notifierBench } from '../testing/notifier-bench.ts';
import type { ShownMessage } from '../testing/notifier-contract.ts';
import slack from './slack.ts';
import telegram from './telegram.ts';
import webhook from './webhook.ts';

const slackPath = '/services/T024BE7LD/B02BFP8QK/8wVv2rTqXyZ4LmNp1sKd9fGh';

/** Shows a text of Slack's markup: what is in angle brackets is a link or a mention. */
function shownMarkup(text: string): ShownMessage {
  const [links, mentions]: [string[], string[]] = [[], []];
  const shown = text.replaceAll(/<([^<>]*)>/g, (_whole, inner: string) => {
    (/^[@!#]/.test(inner) ? mentions : links).push(inner);
    return inner;
  });
  const unescaped = shown.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  return { text: unescaped, links, mentions };
}

export function testSlack(clock: FakeClock): FakeNotifyService {
  const accepted: ShownMessage[] = [];
  const say = (status: number, body: string): FakeAnswer => ({
    status,
    body,
    headers: { 'content-type': 'text/plain' },
  });
  const api = createFakeApi({
    clock,
    origin: 'https://hooks.slack.com',
    routes: {
      'POST /services/:team/:app/:token': (request) => {
        if (request.url.pathname !== slackPath) return say(404, 'no_service');
        let body: unknown;
        try {
          body = request.json();
        } catch {
          return say(400, 'invalid_payload');
        }
        if (!isFields(body)) return say(400, 'invalid_payload');
        if (typeof body['text'] !== 'string' || body['text'] === '') return say(400, 'no_text');
        const blocks = (body['blocks'] ?? []) as { type: string; text?: { type: string; text: string } }[];
        if (!Array.isArray(blocks) || blocks.length > 50) return say(400, 'invalid_blocks');
        const notification = shownMarkup(body['text']);
        const parts: ShownMessage[] = [];
        for (const { type, text } of blocks) {
          const most = type === 'header' ? 150 : 3_000;
          if (!['header', 'section'].includes(type) || !text || text.text === '' || text.text.length > most)
            return say(400, 'invalid_blocks');
          if (type === 'header' && text.type !== 'plain_text') return say(400, 'invalid_blocks');
          // Slack decodes entities in both types.
          const { text: plain } = shownMarkup(text.text.replaceAll(/[<>]/g, ''));
          parts.push(text.type === 'plain_text' ? { text: plain, links: [], mentions: [] } : shownMarkup(text.text));
        }
        const all = [notification, ...parts];
        accepted.push({
          text: parts.map(({ text }) => text).join('\n'),
          links: all.flatMap(({ links }) => links),
          mentions: all.flatMap(({ mentions }) => mentions),
        });
        return say(200, 'ok');
      },
    },
  });
  return { api, accepted };
}

const slackUrl = (path: string) => new Secret(`https://hooks.slack.com${path}`);
export const slackBench = notifierBench(slack, {
  service: testSlack,
  options: { url: slackUrl(slackPath) },
  refused: { url: slackUrl('/services/T024BE7LD/B02BFP8QK/00000000000000000000none') },
  echo: (said) => ({ status: 400, body: said }),
  limit: (seconds) => ({ status: 429, headers: { 'retry-after': String(seconds) }, body: 'rate_limited' }),
  failure: { status: 500, body: 'rollup_error' },
  secrets: [slackPath, '8wVv2rTqXyZ4LmNp1sKd9fGh'],
});

const token = '123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
export const chat = '-1001234567890';

export function testTelegram(clock: FakeClock): FakeNotifyService {
  const accepted: ShownMessage[] = [];
  const refuse = (code: number, description: string, more: object = {}): FakeAnswer => ({
    status: code,
    body: { ok: false, error_code: code, description, ...more },
  });
  const api = createFakeApi({
    clock,
    origin: 'https://api.telegram.org',
    routes: {
      'POST /:bot/sendMessage': (request) => {
        if (!/^bot\d+:[\w-]{30,}$/.test(request.params['bot']!)) return refuse(404, 'Not Found');
        if (request.params['bot'] !== `bot${token}`) return refuse(401, 'Unauthorized');
        const body = request.json();
        if (!isFields(body)) return refuse(400, 'Bad Request: object expected as JSON');
        const { chat_id: id, text, entities = [], parse_mode: mode } = body;
        if (String(id) !== chat) return refuse(400, 'Bad Request: chat not found');
        if (typeof text !== 'string' || text.trim() === '') return refuse(400, 'Bad Request: message text is empty');
        if (text.length > 4_096) return refuse(400, 'Bad Request: message is too long');
        if (mode !== undefined || !Array.isArray(entities)) return refuse(400, "Bad Request: can't parse entities");
        const covered = (entities as { type: string; offset: number; length: number }[]).filter(({ type }) =>
          ['pre', 'code'].includes(type),
        );
        if (covered.some(({ offset, length }) => offset < 0 || offset + length > text.length))
          return refuse(400, 'Bad Request: ENTITY_BOUNDS_INVALID');
        const found = (pattern: RegExp) =>
          [...text.matchAll(pattern)]
            .filter(({ index }) => !covered.some(({ offset, length }) => index >= offset && index < offset + length))
            .map(([whole]) => whole);
        accepted.push({
          text,
          links: found(/(https?:\/\/\S+|\b[a-z0-9-]+(\.[a-z0-9-]+)*\.(com|org|net|test)\b|[#/]\w+)/gi),
          mentions: found(/@\w+/g),
        });
        return {
          status: 200,
          body: { ok: true, result: { message_id: accepted.length, date: 1, chat: { id }, text } },
        };
      },
    },
  });
  return { api, accepted };
}

export const telegramBench = notifierBench(telegram, {
  service: testTelegram,
  options: { token: new Secret(token), chat },
  refused: { token: new Secret('123456789:AAH000000000000000000000000000000000') },
  echo: (said) => ({ status: 400, body: { ok: false, error_code: 400, description: said } }),
  limit: (seconds) => ({
    status: 429,
    body: {
      ...{ ok: false, error_code: 429, description: `Too Many Requests: retry after ${seconds}` },
      parameters: { retry_after: seconds },
    },
  }),
  failure: { status: 502, body: { ok: false, error_code: 502, description: 'Bad Gateway' } },
});

const bearer = 'tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2';

export function testServer(clock: FakeClock): FakeNotifyService {
  const accepted: ShownMessage[] = [];
  const api = createFakeApi({
    clock,
    origin: 'https://alarms.example.net',
    authorize: ({ headers }) =>
      headers['authorization'] === `Bearer ${bearer}` ? undefined : { status: 401, body: { error: 'who are you?' } },
    routes: {
      'POST /in/:hook': (request) => {
        const body = request.json();
        if (!isFields(body) || typeof body['title'] !== 'string' || typeof body['text'] !== 'string')
          return { status: 422, body: { error: 'title and text are missing' } };
        accepted.push({ text: `${body['title']}\n${body['text']}`, links: [], mentions: [] });
        return { status: 202 };
      },
    },
  });
  return { api, accepted };
}

const header = (value: string) => new Secret(`Authorization: Bearer ${value}`);
export const webhookBench = notifierBench(webhook, {
  service: testServer,
  options: {
    url: new Secret('https://alarms.example.net/in/c2VjcmV0LXBhdGg?key=k9f8e7d6c5b4'),
    secretHeaders: header(bearer),
  },
  refused: { secretHeaders: header('tk_wrongwrongwrong') },
  echo: (said) => ({ status: 400, body: { error: said } }),
  limit: (seconds) => ({ status: 429, headers: { 'retry-after': String(seconds) }, body: 'slow down' }),
  secrets: [bearer, 'c2VjcmV0LXBhdGg', 'k9f8e7d6c5b4'],
});
