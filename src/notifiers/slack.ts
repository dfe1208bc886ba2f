import { type ApiAnswer, judgeByStatus, type Verdict } from '../clients/http/json-api.ts';
import { createNotifyApi } from '../clients/http/notify-api.ts';
import { tokensIn } from '../clients/http/webhook-parts.ts';
import { messageOf } from '../core/alarm/message.ts';
import { present } from '../core/text/present.ts';
import { defineNotifier, secretUrl, z } from '../define.ts';

/** A section's text has at most 3,000 characters, and a header's 150. */
const most = 3_000;
const longestTitle = 150;

/** Slack reads these characters as markup everywhere, and asks for them to be written as entities. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export default defineNotifier({
  id: 'slack',
  title: 'Slack (incoming webhook)',
  homepage: 'https://slack.com',
  apiDocs: 'https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks',
  since: '0.1.0',
  options: z.strictObject({
    url: secretUrl('The incoming webhook: https://hooks.slack.com/services/…'),
  }),
  notes: `Create an app at https://api.slack.com/apps, switch incoming webhooks on, and add one for the channel. A message has
at most 3,000 characters: of many alarms, the first ones are listed, and the others counted. Services with the same form of
messages, such as Mattermost, work too, if they know Slack’s blocks.`,
  connect({ options, name, world }) {
    const send = createNotifyApi({
      ...{ world, name, type: 'slack', judge },
      advice: 'Check `url`, and create another webhook if this one was removed.',
      secrets: [options.url, ...tokensIn(options.url.reveal(), 8)],
    });
    return {
      type: 'slack',
      send(news, signal) {
        const sizeOf = (text: string) => escaped(text).length;
        const { title, text } = messageOf(news, { title: longestTitle, most, sizeOf });
        // Text of this type has no markup, mentions or links. `text` is what a notification shows.
        const plain = (one: string) => ({ type: 'plain_text', text: escaped(one), emoji: false });
        const body = {
          text: escaped(title),
          blocks: [
            // Without what would become longer.
            { type: 'header', text: plain(title.replaceAll(/[&<>]/g, ' ')) },
            { type: 'section', text: plain(text) },
          ],
        };
        return send(() => ({ url: options.url.reveal(), body }), signal);
      },
    };
  },
});

/** The webhook answers `ok`, or one word that says why not. */
function judge(answer: ApiAnswer): Verdict {
  const { body, status } = answer;
  const verdict = judgeByStatus(answer);
  if (verdict.kind === 'fine')
    return body === 'ok' ? verdict : { kind: 'failed', reason: `HTTP ${status}, but not the answer \`ok\`` };
  const advice = typeof body === 'string' ? advices[body] : undefined;
  return { ...verdict, ...present({ advice }) };
}

const another = 'Create another webhook, for a channel that exists.';
const advices: Readonly<Record<string, string>> = {
  no_service: 'Create another webhook: this one was removed or switched off.',
  no_team: 'Create another webhook: the workspace does not exist.',
  invalid_token: 'Copy `url` again: the token in it is wrong.',
  channel_not_found: another,
  channel_is_archived: another,
  action_prohibited: 'Ask an administrator of the workspace: a rule forbids this webhook to post there.',
};
