import { expect, it } from 'vitest';
import { readApache } from './apache-config.ts';

const printed = `VirtualHost configuration:
*:443                  tls.a.test (/etc/apache2/sites-enabled/tls.conf:2)
*:80                   is a NameVirtualHost
         default server first.test (/etc/apache2/sites-enabled/000.conf:1)
         port 80 namevhost first.test (/etc/apache2/sites-enabled/000.conf:1)
         port 80 namevhost a.test (/etc/apache2/sites-enabled/a.conf:1)
                 alias www.a.test
                 wild alias *.sub.a.test
         port 80 namevhost moved.test (/etc/apache2/sites-enabled/a.conf:6)
ServerRoot: "/etc/apache2"
Main DocumentRoot: "/var/www/main"
Main ErrorLog: "/var/log/apache2/error.log"
`;
const files: Readonly<Record<string, string>> = {
  '/etc/apache2/sites-enabled/tls.conf': `# TLS
<VirtualHost *:443>
  SSLCertificateFile "/etc/ssl/a.pem"
</VirtualHost>
`,
  '/etc/apache2/sites-enabled/a.conf': `<VirtualHost *:80>
  ServerName a.test
  DocumentRoot "/srv/a b"
  # Redirect / https://a.test/
</VirtualHost>
<VirtualHost *:80>
  Redirect permanent / https://moved.test/
</VirtualHost>
`,
};

it.each<[name: string, port: number, expected: object | undefined]>([
  ['a.test', 80, { at: '/etc/apache2/sites-enabled/a.conf:1', root: '/srv/a b', redirect: undefined }],
  ['www.a.test', 80, { root: '/srv/a b' }],
  ['x.sub.a.test', 80, { root: '/srv/a b' }],
  ['other.test', 80, { at: '/etc/apache2/sites-enabled/000.conf:1', root: undefined }],
  ['moved.test', 80, { redirect: '/etc/apache2/sites-enabled/a.conf:7: Redirect permanent / https://moved.test/' }],
  ['tls.a.test', 443, { certificate: '/etc/ssl/a.pem' }],
  ['a.test', 443, undefined],
  ['a.test', 8080, undefined],
])('%s on port %i', async (name, port, expected) => {
  const apache = await readApache(printed, async (path) => files[path]);
  expect(apache.root).toBe('/var/www/main');
  const found = apache.hostFor(name, port);
  if (expected) expect(found).toMatchObject(expected);
  else expect(found).toBeUndefined();
});
