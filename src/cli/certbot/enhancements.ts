import type { Enhancement } from '../../migrate/certbot/said.ts';

/** The configuration lines that certbot's installers would write for a flag, and their place. */
interface Lines {
  readonly where: 'plain' | 'tls' | 'main';
  readonly lines: readonly string[];
}

const hsts = 'max-age=31536000';
const stapled = 'the CA must still answer OCSP; Let’s Encrypt does not';

const ofNginx: Readonly<Record<Enhancement, Lines>> = {
  '--redirect': { where: 'plain', lines: ['location / { return 301 https://$host$request_uri; }'] },
  '--hsts': { where: 'tls', lines: [`add_header Strict-Transport-Security "${hsts}" always;`] },
  '--uir': { where: 'tls', lines: ['add_header Content-Security-Policy upgrade-insecure-requests;'] },
  '--staple-ocsp': {
    where: 'tls',
    lines: ['ssl_stapling on;', 'ssl_stapling_verify on;', 'ssl_trusted_certificate CHAIN;', `# ${stapled}`],
  },
};

const ofApache: Readonly<Record<Enhancement, Lines>> = {
  '--redirect': {
    where: 'plain',
    lines: [
      'RewriteEngine on',
      'RewriteCond %{REQUEST_URI} !^/\\.well-known/acme-challenge/',
      'RewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [END,NE,R=permanent]',
    ],
  },
  '--hsts': { where: 'tls', lines: [`Header always set Strict-Transport-Security "${hsts}"`] },
  '--uir': { where: 'tls', lines: ['Header always set Content-Security-Policy upgrade-insecure-requests'] },
  '--staple-ocsp': {
    where: 'main',
    lines: ['SSLUseStapling on', 'SSLStaplingCache shmcb:/var/run/apache2/stapling_cache(128000)', `# ${stapled}`],
  },
};

const places = {
  nginx: {
    plain: (at: string, folder?: string) =>
      `in the server block for HTTP (${at}), in place of its own \`location /\`${folder === undefined ? '' : `, beside \`location ^~ /.well-known/acme-challenge/ { root ${folder}; }\``}`,
    tls: 'in the server block for HTTPS',
    main: '',
  },
  apache: {
    plain: () => 'in <VirtualHost *:80>',
    tls: 'in <VirtualHost *:443>',
    main: 'in the main configuration',
  },
} as const;

/**
 * Describes what to configure by hand for flags that only certbot's installers carry out. Returns undefined if there
 * are none.
 */
export function enhancementsText(
  flags: readonly Enhancement[],
  server: 'nginx' | 'apache',
  { chain, at = '', folder }: { readonly chain: string; readonly at?: string; readonly folder?: string | undefined },
): string | undefined {
  if (flags.length === 0) return undefined;
  const of = server === 'nginx' ? ofNginx : ofApache;
  const parts = flags.map((flag) => {
    const { where, lines } = of[flag];
    const place = where === 'plain' ? places[server].plain(at, folder) : places[server][where];
    return `${flag}, ${place}:\n${lines.map((line) => `    ${line.replace('CHAIN', chain)}`).join('\n')}`;
  });
  return `Not done, because certfleet edits no configuration; add this by hand:\n\n${parts.join('\n')}`;
}
