import { createNotifyApi } from '../clients/http/notify-api.ts';
import { Secret } from '../core/errors/secret.ts';
import { defineNotifier, secret, wholePath, z } from '../define.ts';

export default defineNotifier({
  id: 'webhook',
  title: 'Webhook (a server of your own, or any service with one)',
  since: '0.1.0',
  options: z.strictObject({
    url: secret('Where each message is sent, with POST'),
    caFile: wholePath().optional().meta({ title: 'A PEM file with more roots, if the server has a private CA' }),
  }),
  connect({ options, name, world }) {
    const send = createNotifyApi({
      ...{ world, name, type: 'webhook', caFile: options.caFile },
      advice: 'Check the address.',
      secrets: [options.url, ...partsOf(options.url)],
    });
    return {
      type: 'webhook',
      send: (news, signal) =>
        send(
          () => ({
            method: 'POST',
            url: options.url.reveal(),
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(news),
          }),
          signal,
        ),
    };
  },
});

/** Returns the parts of a URL that may be secrets themselves: its long segments and the values of its query. */
function partsOf(url: Secret): readonly Secret[] {
  const text = url.reveal();
  if (!URL.canParse(text)) return [];
  const { pathname, searchParams, username, password } = new URL(text);
  const segments = pathname.split('/').filter((segment) => segment.length >= 8);
  return [...segments, ...searchParams.values(), username, password].map((part) => new Secret(part));
}
