import { createHmac } from 'node:crypto';
import { createNotifyApi, judgeByCode } from '../clients/http/notify-api.ts';
import { tokensIn } from '../clients/http/webhook-parts.ts';
import { bytesOf, messageOf } from '../core/alarm/message.ts';
import { present } from '../core/text/present.ts';
import { defineNotifier, secret, secretUrl, z } from '../define.ts';

/** A request may have 20 KB. This leaves room for what is around the text. */
const most = 19_500;

// In a message of type `text`, `<at …>` mentions people; in a part of this type, nothing does.
const linesOf = (text: string) => text.split('\n').map((line) => [{ tag: 'text', text: line }]);
const sizeOf = (text: string): number => bytesOf(JSON.stringify(linesOf(text)));

export default defineNotifier({
  id: 'feishu',
  title: 'Feishu or Lark (custom bot of a group)',
  names: ['飞书', 'lark'],
  homepage: 'https://www.feishu.cn',
  apiDocs: 'https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot',
  since: '0.1.0',
  options: z.strictObject({
    url: secretUrl('The webhook of the bot: https://open.feishu.cn/open-apis/bot/v2/hook/… (Lark: open.larksuite.com)'),
    secret: secret('The secret of its signature (签名校验)').optional(),
  }),
  notes: `Add a custom bot to the group (设置, 群机器人, 自定义机器人) and choose the signature (签名校验) as its security. With
keywords (自定义关键词) in place of it, one of them must be \`certfleet\`, which every message contains. A bot sends 100
messages a minute, and 5 a second.`,
  connect({ options, name, world }) {
    const send = createNotifyApi({
      ...{ world, name, type: 'feishu' },
      advice: 'Check `url` and `secret`, and the security settings of the bot.',
      secrets: [options.url, options.secret, ...tokensIn(options.url.reveal())],
      judge: judgeByCode({
        ...{ code: 'code', message: 'msg' },
        limited: [11232, 99991400],
        advice: {
          19001: 'Copy `url` again: the bot does not exist or was removed.',
          19021: 'Check `secret`, and the clock of this machine.',
          19022: 'Add the address of this machine to those that the bot allows.',
          19024: 'Add certfleet to the keywords of the bot, or choose the signature in place of them.',
        },
      }),
    });
    const signature = () => {
      if (!options.secret) return {};
      const timestamp = String(Math.floor(world.clock.now().getTime() / 1_000));
      // The text to sign is the key of the HMAC, whose message is empty.
      return { timestamp, sign: createHmac('sha256', `${timestamp}\n${options.secret.reveal()}`).digest('base64') };
    };
    return {
      type: 'feishu',
      send(news, signal) {
        const { title, text } = messageOf(news, { title: 200, most, sizeOf });
        const content = { post: { en_us: { title, content: linesOf(text) } } };
        return send(
          () => ({ url: options.url.reveal(), body: { ...present(signature()), msg_type: 'post', content } }),
          signal,
        );
      },
    };
  },
});
