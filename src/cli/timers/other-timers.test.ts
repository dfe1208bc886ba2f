import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../../test/support/memory-files.ts';
import { defaultPaths } from '../../config/settings/defaults.ts';
import { timersOf } from './other-timers.ts';

/** What still starts a client on a machine with these files. */
async function timersOn(
  client: string,
  texts: Readonly<Record<string, string>>,
  folder?: string,
): Promise<readonly string[]> {
  const files = memoryFiles(() => new Date(0));
  for (const [path, text] of Object.entries(texts)) {
    await files.makeFolders(path.slice(0, path.lastIndexOf('/')), 0o755);
    await files.replace(path, text, { mode: 0o644 });
  }
  return (await timersOf(client, files, defaultPaths({}), folder)).map(({ where, advice }) => `${where}: ${advice}`);
}

const wanted = '/etc/systemd/system/timers.target.wants';
const debians =
  '0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && perl -e "sleep int(rand(43200))" && certbot -q renew';

describe('timersOf', () => {
  it.each([
    ['certbot', {}, []],
    ['traefik', { '/etc/crontab': 'traefik' }, []],
    ['certbot', { [`${wanted}/certbot.timer`]: '' }, ['certbot.timer: systemctl disable --now certbot.timer']],
    [
      'certbot',
      { [`${wanted}/snap.certbot.renew.timer`]: '' },
      ['snap.certbot.renew.timer: systemctl disable --now snap.certbot.renew.timer'],
    ],
    ['certbot', { '/etc/cron.d/certbot': debians }, ['/etc/cron.d/certbot: remove the line that runs certbot from it']],
    [
      'certbot',
      { '/etc/cron.d/certbot': debians, [`${wanted}/certbot.timer`]: '' },
      ['certbot.timer: systemctl disable --now certbot.timer'],
    ],
    ['certbot', { '/etc/crontab': '# 0 0 * * * certbot renew\n0 0 * * * certbot certificates' }, []],
    [
      'acme.sh',
      {
        '/var/spool/cron/crontabs/root':
          '7 0 * * * "/root/.acme.sh"/acme.sh --cron --home "/root/.acme.sh" > /dev/null',
      },
      ['/var/spool/cron/crontabs/root: remove the line that runs acme.sh from it'],
    ],
    [
      'dehydrated',
      { '/etc/cron.daily/certs': '#!/bin/sh\n/usr/bin/dehydrated -c' },
      ['/etc/cron.daily/certs: remove the line that runs dehydrated from it'],
    ],
  ])('%s with %j', async (client, texts, expected) =>
    expect(await timersOn(client, texts as Record<string, string>)).toEqual(expected),
  );

  it('leaves out what does not renew another folder', async () => {
    const texts = {
      '/etc/cron.d/certbot': debians,
      '/etc/cron.d/other': '0 0 * * * root certbot renew --config-dir /srv/le',
      [`${wanted}/certbot.timer`]: '',
    };
    expect(await timersOn('certbot', texts, '/srv/le')).toEqual([
      '/etc/cron.d/other: remove the line that runs certbot from it',
    ]);
  });
});
