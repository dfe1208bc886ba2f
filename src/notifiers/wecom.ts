import { createNotifyApi, judgeByCode } from '../clients/http/notify-api.ts';
import { tokensIn } from '../clients/http/webhook-parts.ts';
import { bytesOf, messageOf } from '../core/alarm/message.ts';
import { defineNotifier, secretUrl, z } from '../define.ts';

/** In bytes of UTF-8. */
const most = 2_048;

/** `<@userid>` mentions somebody, in a message of type `text`, too. */
const escaped = (text: string): string => text.replaceAll('<@', '< @');

export default defineNotifier({
  id: 'wecom',
  title: 'WeCom (group robot)',
  names: ['企业微信', 'wechat work', 'weixin'],
  homepage: 'https://work.weixin.qq.com',
  apiDocs: 'https://developer.work.weixin.qq.com/document/path/91770',
  since: '0.1.0',
  options: z.strictObject({
    url: secretUrl('The webhook of the robot: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…'),
  }),
  notes: `Add a robot to the group (群机器人) and copy its webhook address. A message has at most 2,048 bytes: of many alarms,
the first ones are listed, and the others counted. A robot sends 20 messages a minute.`,
  connect({ options, name, world }) {
    const send = createNotifyApi({
      ...{ world, name, type: 'wecom' },
      advice: 'Check `url`.',
      secrets: [options.url, ...tokensIn(options.url.reveal())],
      judge: judgeByCode({
        ...{ code: 'errcode', message: 'errmsg' },
        limited: [45009, 45033, -1],
        advice: {
          93000: 'Copy `url` again: the robot does not exist or was removed.',
          93008: 'Copy `url` again: the robot is no longer in the group.',
        },
      }),
    });
    return {
      type: 'wecom',
      send(news, signal) {
        const { title, text } = messageOf(news, { title: 200, most, sizeOf: (one) => bytesOf(escaped(one)) });
        const body = { msgtype: 'text', text: { content: escaped(`${title}\n\n${text}`) } };
        return send(() => ({ url: options.url.reveal(), body }), signal);
      },
    };
  },
});
