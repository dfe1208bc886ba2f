import { createHmac } from 'node:crypto';
import { createNotifyApi, judgeByCode } from '../clients/http/notify-api.ts';
import { tokensIn } from '../clients/http/webhook-parts.ts';
import { bytesOf, messageOf } from '../core/alarm/message.ts';
import { defineNotifier, secret, secretUrl, z } from '../define.ts';

/** The robot refuses a request of more than 20,000 bytes. This leaves room for what is around the text. */
const most = 19_500;
const sizeOf = (text: string): number => bytesOf(JSON.stringify(text));

export default defineNotifier({
  id: 'dingtalk',
  title: 'DingTalk (custom robot of a group)',
  names: ['钉钉', 'dingding'],
  homepage: 'https://www.dingtalk.com',
  apiDocs: 'https://open.dingtalk.com/document/robots/custom-robot-access',
  since: '0.1.0',
  options: z.strictObject({
    url: secretUrl('The webhook of the robot: https://oapi.dingtalk.com/robot/send?access_token=…'),
    secret: secret('The secret of its signature (加签), which begins with SEC').optional(),
  }),
  notes: `Add a custom robot to the group (群设置, 机器人, 自定义) and choose the signature (加签) as its security. With keywords
(自定义关键词) in place of it, one of them must be \`certfleet\`, which every message contains. A robot sends 20 messages a
minute; a robot that sent more is silent for ten minutes.`,
  connect({ options, name, world }) {
    const send = createNotifyApi({
      ...{ world, name, type: 'dingtalk' },
      advice: 'Check `url` and `secret`, and the security settings of the robot.',
      secrets: [options.url, options.secret, ...tokensIn(options.url.reveal())],
      judge: judgeByCode({
        ...{ code: 'errcode', message: 'errmsg' },
        limited: [130101, 130102, -1],
        advice: {
          // Signature, timestamp, keyword and address have this code alike.
          310000: 'Check `secret`, the clock of this machine, and the keywords and addresses that the robot allows.',
          300001: 'Copy `url` again: the robot does not exist or was removed.',
          300005: 'Copy `url` again: the robot does not exist or was removed.',
        },
      }),
    });
    const signed = (): string => {
      const url = new URL(options.url.reveal());
      if (!options.secret) return url.href;
      const timestamp = String(world.clock.now().getTime());
      const sign = createHmac('sha256', options.secret.reveal())
        .update(`${timestamp}\n${options.secret.reveal()}`)
        .digest('base64');
      url.searchParams.set('timestamp', timestamp);
      url.searchParams.set('sign', sign);
      return url.href;
    };
    return {
      type: 'dingtalk',
      send(news, signal) {
        const { title, text } = messageOf(news, { title: 200, most, sizeOf });
        // A message of type `text` has no markup, and mentions only whom `at` names.
        const body = { msgtype: 'text', text: { content: `${title}\n\n${text}` } };
        return send(() => ({ url: signed(), body }), signal);
      },
    };
  },
});
