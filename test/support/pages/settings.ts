import { createAccess } from '../../../src/access/access.ts';
import { fail } from '../../../src/core/errors/errors.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { PagesParts } from '../../../src/pages/pages.tsx';
import { createMemoryStore } from '../../../src/stores/memory.ts';
import { quickPasswords } from '../quick-passwords.ts';

/** What the settings of a made-up fleet show: real users and tokens in memory, and two notifiers, one of which fails. */
export function createSettings(): PagesParts['settings'] & { readonly sent: readonly string[] } {
  const sent: string[] = [];
  const access = createAccess({ store: createMemoryStore(), clock: systemClock, ...quickPasswords });
  return {
    sent,
    access,
    notifiers: () => [
      { name: 'ops', type: 'webhook' },
      { name: 'mail', type: 'email' },
    ],
    async test(name) {
      if (name === 'mail')
        throw fail('config/credential-missing', { what: 'the notifier mail', credential: 'password' });
      sent.push(name);
    },
    configuration: async () => ({
      parts: [
        {
          path: 'alarms.ops',
          options: [
            { name: 'type', value: 'webhook' },
            { name: 'url', value: 'file:/etc/certfleet/webhook.url' },
            { name: 'secretHeaders', value: undefined },
          ],
        },
      ],
      certificates: 72,
    }),
  };
}
