import { type ApiAnswer, judgeByStatus, type Verdict } from '../clients/http/json-api.ts';
import { createNotifyApi } from '../clients/http/notify-api.ts';
import { messageOf } from '../core/alarm/message.ts';
import { isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { defineNotifier, endpoint, secret, z } from '../define.ts';

/** A message has at most 4,096 characters. */
const most = 4_096;

export default defineNotifier({
  id: 'telegram',
  title: 'Telegram (bot)',
  homepage: 'https://telegram.org',
  apiDocs: 'https://core.telegram.org/bots/api#sendmessage',
  since: '0.1.0',
  options: z.strictObject({
    token: secret('The token of the bot, as BotFather shows it'),
    chat: z
      .union([
        z.string().regex(/^(-?\d+|@\w+)$/, { error: 'expected a number, or @name of a channel' }),
        z.number().int(),
      ])
      .transform(String)
      .meta({
        title: 'The id of the chat, or `@name` of a public channel',
        examples: ['-1001234567890', '@ops_alarms'],
      }),
    thread: z.number().int().positive().optional().meta({ title: 'The id of a topic, if the group has topics' }),
    endpoint: endpoint('The address of the Bot API, if it is not https://api.telegram.org'),
  }),
  notes: `Talk to @BotFather to create a bot, and add it to the group or channel, or write to it yourself: a bot cannot begin a
conversation. The id of the chat is in the answer of \`https://api.telegram.org/bot<token>/getUpdates\` after you have
written something there. A message has at most 4,096 characters: of many alarms, the first ones are listed, and the others
counted. It is set in a fixed-width font, where Telegram makes no links and mentions of names.`,
  connect({ options, name, world }) {
    const { token, chat, thread, endpoint: base = 'https://api.telegram.org' } = options;
    const send = createNotifyApi({
      ...{ world, name, type: 'telegram', judge },
      advice: 'Check `token` and `chat`.',
      secrets: [token],
    });
    return {
      type: 'telegram',
      send(news, signal) {
        const { title, text } = messageOf(news, { title: 200, most });
        const whole = `${title}\n\n${text}`;
        const body = {
          ...{ chat_id: chat, ...present({ message_thread_id: thread }), text: whole },
          // Elsewhere, Telegram turns names of domains into links, and @names and /words into more.
          entities: [{ type: 'pre', offset: 0, length: whole.length }],
          link_preview_options: { is_disabled: true },
        };
        return send(() => ({ url: `${base}/bot${token.reveal()}/sendMessage`, body }), signal);
      },
    };
  },
});

function judge(answer: ApiAnswer): Verdict {
  const { body, status } = answer;
  if (!isFields(body) || typeof body['ok'] !== 'boolean') {
    const verdict = judgeByStatus(answer);
    return verdict.kind === 'fine' ? { kind: 'failed', reason: `HTTP ${status}, not what the API answers` } : verdict;
  }
  if (body['ok']) return { kind: 'fine' };
  const { description, error_code: code = status, parameters } = body;
  const reason = typeof description === 'string' ? description : `HTTP ${status}`;
  const { retry_after: seconds, migrate_to_chat_id: moved } = isFields(parameters) ? parameters : {};
  if (code === 429)
    return {
      kind: 'limited',
      reason,
      ...present({ retryAfterMs: typeof seconds === 'number' ? seconds * 1_000 : undefined }),
    };
  if (Number(code) >= 500) return { kind: 'failed', reason };
  const advice =
    moved === undefined
      ? advices[String(code)]
      : `Set \`chat\` to ${String(moved)}: the group has become a supergroup.`;
  return { kind: 'refused', reason, ...present({ advice }) };
}

const advices: Readonly<Record<string, string>> = {
  400: 'Check `chat` and `thread`, and that the bot is a member of the chat.',
  401: 'Copy `token` again: BotFather shows it, and may have revoked this one.',
  403: 'Add the bot to the chat, and let it write there; a person must write to it first.',
  404: 'Copy `token` again: it is not complete.',
};
