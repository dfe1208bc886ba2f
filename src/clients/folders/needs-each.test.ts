import { expect, it } from 'vitest';
import { needsEach } from './needs-each.ts';

it.each([
  ['systemctl reload postfix dovecot', false],
  ['nginx -t && nginx -s reload', false],
  ['/usr/sbin/nginx -t -c /etc/nginx/nginx.conf && sudo /usr/bin/systemctl reload nginx', true],
  ['/usr/sbin/nginx -t -c /etc/nginx/nginx.conf && /bin/systemctl reload nginx', false],
  ['docker exec web nginx -s reload', false],
  ['date >> /var/log/reloads', false],
  [['docker', 'kill', '-s', 'HUP', 'web'], false],
  ['cp "$RENEWED_LINEAGE/fullchain.pem" /srv', true],
  [['/bin/sh', '-c', 'echo $RENEWED_DOMAINS'], true],
  ['/etc/letsencrypt/renewal-hooks/deploy/reload.sh', true],
  ['bash /root/deploy.sh', true],
  [['/usr/local/bin/upload-certificate', '--quiet'], true],
  ['for f in \'/etc/letsencrypt/renewal-hooks/deploy\'/*; do "$f"; done', true],
] as const)('%j needs its own run for each certificate: %s', (command, expected) => {
  expect(needsEach(command)).toBe(expected);
});
