import { describe, expect, it } from 'vitest';
import type { FakeAnswer, FakeCall } from '../testing/fake-api.ts';
import { notifierContract } from '../testing/notifier-contract.ts';
import { chat, slackBench, telegramBench, webhookBench } from './test-chats.ts';
import { dingtalkBench, feishuBench, wecomBench } from './test-robots.ts';

describe.each([
  ['dingtalk', dingtalkBench],
  ['feishu', feishuBench],
  ['slack', slackBench],
  ['telegram', telegramBench],
  ['webhook', webhookBench],
  ['wecom', wecomBench],
])('%s', (_name, bench) => notifierContract(it, bench));

const news = { node: 'web-1', at: '2026-11-29T10:00:00.000Z', opened: [], repeated: [], resolved: [], more: [] };
const content =
  'certfleet: a test of alarms\n\nThis is a test: alarms of certfleet will arrive here. There is nothing to do. `certfleet status` shows all certificates.\n\ncertfleet on web-1, 2026-11-29 10:00 UTC';
const [title, , text, , sign] = content.split('\n');

// The signatures are those of openssl, of the time 2026-11-24T12:00:00Z.
it.each<[string, typeof slackBench, string, object]>([
  [
    'dingtalk',
    dingtalkBench,
    'https://oapi.dingtalk.com/robot/send?access_token=566cc69da782ec33e42541b09b08551f09fbe864eb8008112e994b43887&timestamp=1795521600000&sign=dkANQR6bXZGAjF6heultcFxyLWoBF5HB1Qtg45Zu%2BJ8%3D',
    { msgtype: 'text', text: { content } },
  ],
  [
    'feishu',
    feishuBench,
    'https://open.feishu.cn/open-apis/bot/v2/hook/5a9d1c3e-77aa-4c1b-9e2f-0123456789ab',
    {
      ...{ timestamp: '1795521600', sign: 'bec+00QxQSGxSs2+34fJrJvzDSR2ZUYLGVTu20jenFE=', msg_type: 'post' },
      content: { post: { en_us: { title, content: [text, '', sign].map((line) => [{ tag: 'text', text: line }]) } } },
    },
  ],
  [
    'wecom',
    wecomBench,
    'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7aab-4bc4-97a0-0ec2sifa5aaa',
    { msgtype: 'text', text: { content } },
  ],
  [
    'slack',
    slackBench,
    'https://hooks.slack.com/services/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',
    {
      text: title,
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: title, emoji: false } },
        { type: 'section', text: { type: 'plain_text', text: `${text}\n\n${sign}`, emoji: false } },
      ],
    },
  ],
  [
    'telegram',
    telegramBench,
    'https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage',
    {
      ...{ chat_id: chat, text: content, link_preview_options: { is_disabled: true } },
      entities: [{ type: 'pre', offset: 0, length: content.length }],
    },
  ],
])('%s gets exactly this', async (_name, bench, url, body) => {
  const { connect, api } = await bench();
  await connect().send({ ...news, isTest: true }, new AbortController().signal);
  const [{ request }] = api.calls as [FakeCall];
  expect({ url: request.url.href, body: request.json() }).toEqual({ url, body });
});

it.each<[string, typeof slackBench, FakeAnswer, string, string]>([
  [
    'dingtalk',
    dingtalkBench,
    { status: 200, body: { errcode: 300005, errmsg: 'token is not exist' } },
    'token is not exist (errcode 300005)',
    'Copy `url` again',
  ],
  [
    'feishu',
    feishuBench,
    { status: 200, body: { code: 19024, msg: 'Key Words Not Found' } },
    'Key Words Not Found (code 19024)',
    'Add certfleet to the keywords',
  ],
  [
    'wecom',
    wecomBench,
    { status: 200, body: { errcode: 93000, errmsg: 'invalid webhook url' } },
    'invalid webhook url (errcode 93000)',
    'Copy `url` again',
  ],
  [
    'slack',
    slackBench,
    { status: 410, body: 'channel_is_archived' },
    'channel_is_archived',
    'for a channel that exists',
  ],
  [
    'telegram',
    telegramBench,
    {
      status: 400,
      body: {
        ...{ ok: false, error_code: 400, description: 'Bad Request: group chat was upgraded to a supergroup chat' },
        parameters: { migrate_to_chat_id: -1009876543210 },
      },
    },
    'Bad Request: group chat was upgraded to a supergroup chat',
    'Set `chat` to -1009876543210',
  ],
])('%s: a refusal says what a person can do', async (name, bench, { status, body }, reason, advice) => {
  const { connect, api } = await bench();
  api.fault({ kind: 'status', status, body });
  const sending = connect().send({ ...news, isTest: true }, new AbortController().signal);
  await expect(sending).rejects.toMatchObject({
    code: 'notify/refused',
    message: `ops (${name}) refused the message: ${reason}`,
    hint: expect.stringContaining(advice),
  });
});

const robots: readonly (readonly [string, typeof slackBench])[] = [
  ['dingtalk', dingtalkBench],
  ['feishu', feishuBench],
  ['slack', slackBench],
  ['telegram', telegramBench],
  ['wecom', wecomBench],
];
it.each(robots)('%s: another answer with status 200 is no success', async (_name, bench) => {
  for (const body of ['', 'fine', {}, { ok: 'yes', errcode: '0', code: null }, [0]]) {
    const { connect, api } = await bench();
    api.fault({ kind: 'status', status: 200, body });
    const sending = connect().send({ ...news, isTest: true }, new AbortController().signal);
    await expect(sending, JSON.stringify(body)).rejects.toMatchObject({ code: 'notify/failed' });
  }
});

it.each([robots[2]!, robots[3]!])('%s: a limit says when the next message may come', async (_name, bench) => {
  const { connect, clock, faults, passWhile } = await bench();
  await faults.limit?.(600);
  const sending = connect().send({ ...news, isTest: true }, new AbortController().signal);
  const retryAt = new Date(clock.now().getTime() + 600_000);
  await expect(passWhile(sending)).rejects.toMatchObject({ code: 'notify/limited', retryAt });
});
