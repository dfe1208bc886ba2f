import { fail } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import { type Apache, readApache } from '../../migrate/certbot/apache-config.ts';
import { enhancementsText } from './enhancements.ts';
import { adviceOf, type Found, filesOf, namesFor, type WebServed } from './served.ts';
import { run } from './server-program.ts';

/** Handles `--apache`: asks `apachectl -S` which virtual host serves each name. */
export async function overApache({ given, command, folder, port, session }: Found): Promise<WebServed> {
  const { stdout } = await run([...command, '-S'], session);
  const { files } = await session.world();
  const apache = await readApache(stdout, async (path) => {
    const bytes = await files.read(path);
    return bytes && new TextDecoder().decode(bytes);
  });
  const names = namesFor(
    given,
    '--apache',
    apache.hosts.flatMap((host) => host.names),
  );
  const graceful = `${command[0]} graceful`;
  const http = given.authenticator === 'apache' ? apacheAnswers(names, apache, port) : undefined;
  return {
    served: { ...present({ http }), deploy: [`files:${folder}`], deployHook: graceful },
    advice(name) {
      const [chain, key] = filesOf(folder, name);
      const hostOf = (one: string, isTls: boolean) => apache.hostFor(one, isTls ? 443 : port);
      const tls = names.map((one) => hostOf(one, true));
      const changes = [...new Set(tls)].flatMap((host) => {
        if (!host || host.certificate === chain) return [];
        return [`${host.at}: SSLCertificateFile ${chain} and SSLCertificateKeyFile ${key}`];
      });
      const without = names.filter((one) => !hostOf(one, true));
      const [first, ...aliases] = without;
      const block = `<VirtualHost *:443>
    ServerName ${first}
${aliases.map((one) => `    ServerAlias ${one}\n`).join('')}    DocumentRoot ${(first && hostOf(first, false)?.root) ?? apache.root}
    SSLEngine on
    SSLCertificateFile ${chain}
    SSLCertificateKeyFile ${key}
</VirtualHost>`;
      return adviceOf(
        changes,
        first === undefined ? [] : [block],
        enhancementsText(given.enhancements, 'apache', { chain }),
        `\`${graceful}\` (TLS needs \`a2enmod ssl\` on Debian)`,
      );
    },
  };
}

function apacheAnswers(names: readonly string[], apache: Apache, port: number): string {
  const roots = names.map((name) => {
    const host = apache.hostFor(name, port);
    if (host?.redirect === undefined) return host?.root ?? apache.root;
    throw fail('usage/web-server-silent', {
      server: 'Apache',
      names: name,
      reason: `its virtual host serves no folder for them (${host.redirect})`,
      advice: `Add \`Alias /.well-known/acme-challenge/ /var/www/html/.well-known/acme-challenge/\` before it, reload Apache, and use \`--webroot -w /var/www/html\` in place of --apache.`,
    });
  });
  return `webroot:${[...new Set(roots)].join(',')}`;
}
