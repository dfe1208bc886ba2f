import { join } from 'node:path';
import { parseIdentifiers } from '../../config/identifiers.ts';
import { fail } from '../../core/errors/errors.ts';
import { isWildcard } from '../../core/names/identifier.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { untrustedCode } from '../../core/trust/untrusted-code.ts';
import { type Apache, readApache } from '../../migrate/certbot/apache-config.ts';
import {
  answerOf,
  type Directive,
  nginxText,
  readNginx,
  type Server,
  serversFor,
  tlsServerFor,
  valueIn,
} from '../../migrate/certbot/nginx-config.ts';
import type { CertbotWords, Served } from '../../migrate/certbot/words.ts';
import type { ProcessResult } from '../../ports/processes.ts';
import type { Session } from '../context.ts';
import { wholePathOf, withPlaces } from '../flags/values.ts';
import { enhancementsText } from './enhancements.ts';
import { namesMissing } from './suggestions.ts';

/** Where packages and `make install` put programs; PATH may lead elsewhere. */
const folders = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/nginx/sbin', '/sbin'];
const programs = { nginx: ['nginx'], apache: ['apachectl', 'apache2ctl', 'httpd'] } as const;
const titles = { nginx: 'nginx', apache: 'Apache' } as const;
/** nginx reads every certificate of its configuration. */
const timeoutMs = 60_000;

type WebServer = keyof typeof programs;

/** What follows from the configuration of the web server. */
export interface WebServed {
  readonly served: Served;
  /** What to add to the configuration once there is a certificate of this name. */
  advice(name: string): string | undefined;
}

/** Which of the two `--nginx` and `--apache` name, as what answers or as what gets the certificate. */
export function webServerIn({ authenticator, installer }: CertbotWords): WebServer | undefined {
  const isOne = (how: string | undefined): how is WebServer => how !== undefined && Object.hasOwn(programs, how);
  return isOne(authenticator) ? authenticator : isOne(installer) ? installer : undefined;
}

/**
 * `--nginx` and `--apache`: reads from the server's configuration how the names can be answered, and changes nothing of
 * it. Fails with `usage/web-server-silent`, with what to add to the configuration.
 *
 * @param folder the root of `live/`
 */
export async function webServed(
  given: CertbotWords,
  server: WebServer,
  folder: string,
  session: Session,
): Promise<WebServed> {
  const command = await commandOf(given, server, session);
  const port = Number(given.values.port ?? (await session.settings()).preflight.http01Port);
  const found = { given, command, folder, port, session };
  return server === 'nginx' ? overNginx(found) : overApache(found);
}

interface Found {
  readonly given: CertbotWords;
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
  readonly port: number;
  readonly session: Session;
}

async function overNginx({ given, command, folder, port, session }: Found): Promise<WebServed> {
  const [version, dump] = [await run([...command, '-V'], session), await run([...command, '-T'], session)];
  const prefix = /--prefix=(\S+)/.exec(version.stderr)?.[1] ?? '/etc/nginx';
  const servers = readNginx(dump.stdout);
  const names = namesFor(
    given,
    '--nginx',
    servers.flatMap((one) => one.names),
  );
  const chosen = names.map((name) => ({ name, servers: serversFor(servers, name, port) }));
  const isAuthenticator = given.authenticator === 'nginx';
  const http = isAuthenticator ? nginxAnswers(chosen, { given, prefix, port, session }) : undefined;
  return {
    served: {
      ...(http === undefined ? {} : { http }),
      deploy: [`nginx:${folder}`],
      // Not the one that PATH leads to.
      nginx: [
        ...['--nginx-ctl', command[0]],
        ...(given.values.nginxRoot === undefined ? [] : ['--nginx-server-root', serverRoot(given, session)]),
      ],
    },
    advice(name) {
      const [chain, key] = filesOf(folder, name);
      const without = chosen.filter((one) => !tlsServerFor(servers, one.name));
      const blocks = [...new Set(without.map((one) => one.servers[0]))].map((plain) =>
        tlsBlock(
          without.filter((one) => one.servers[0] === plain).map((one) => one.name),
          plain,
          { chain, key, port },
        ),
      );
      const others = names.flatMap((one) => {
        const tls = tlsServerFor(servers, one);
        return tls ? [changeOf(tls, 'ssl_certificate', chain), changeOf(tls, 'ssl_certificate_key', key)] : [];
      });
      return adviceOf(
        [...new Set(others.flatMap((text) => text ?? []))],
        blocks,
        enhancementsText(given.enhancements, 'nginx', {
          chain: chain.replace(/fullchain\.pem$/, 'chain.pem'),
          at: [...new Set(chosen.flatMap((one) => one.servers.map(({ at }) => at)))].join(', '),
          folder: http?.startsWith('webroot:') ? http.slice('webroot:'.length).split(',')[0] : undefined,
        }),
        `\`${[...command, '-s', 'reload'].map(shellWord).join(' ')}\``,
      );
    },
  };
}

/** What to write after --http. Fails with a code of `usage/`. */
function nginxAnswers(
  chosen: readonly { readonly name: string; readonly servers: readonly Server[] }[],
  {
    given,
    prefix,
    port,
    session,
  }: { readonly given: CertbotWords; readonly prefix: string; readonly port: number; readonly session: Session },
): string {
  const answers = chosen.flatMap(({ name, servers }) =>
    servers.map((server) => ({ name, server, answer: answerOf(server, name, prefix) })),
  );
  const unserved = chosen.filter(({ servers }) => servers.length === 0).map(({ name }) => name);
  if (unserved.length > 0)
    throw fail('usage/web-server-silent', {
      server: 'nginx',
      names: unserved.join(', '),
      reason: `it has no server on port ${port} for them`,
      advice: `Add \`server { listen ${port}; server_name ${unserved.join(' ')}; location ^~ /.well-known/acme-challenge/ { root /var/www/html; } }\`, reload nginx, and type this again.`,
    });
  const silent = answers.filter(({ answer }) => answer.how === 'no');
  const isMixed = new Set(answers.map(({ answer }) => answer.how)).size > 1;
  const [first] = silent.length > 0 ? silent : isMixed ? answers.filter(({ answer }) => answer.how === 'webroot') : [];
  if (first) {
    const why =
      first.answer.how === 'no' ? first.answer.why : `${first.server.at} serves a folder, other servers do not`;
    const file = join(
      given.values.nginxRoot === undefined ? '/etc/nginx' : serverRoot(given, session),
      'certfleet-challenges.conf',
    );
    const issuer = given.same.filter(([flag = '']) => ['--issuer', '--account', '--staging'].includes(flag)).flat();
    const line = ['certfleet stateless -d', chosen.map(({ name }) => name).join(','), ...issuer.map(shellWord)].join(
      ' ',
    );
    throw fail('usage/web-server-silent', {
      server: 'nginx',
      names: first.name,
      reason: why,
      advice: `Run \`${withPlaces(`${line} --proxy nginx`, session)} > ${shellWord(file)}\`, write \`include ${file};\` as the first line of the server block at ${[...new Set((silent.length > 0 ? silent : answers).map(({ server }) => server.at))].join(' and at ')}, reload nginx, and type this again.`,
    });
  }
  const roots = [...new Set(answers.flatMap(({ answer }) => (answer.how === 'webroot' ? [answer.folder] : [])))];
  return roots.length > 0 ? `webroot:${roots.join(',')}` : 'stateless';
}

/** A block for TLS that does what the one for HTTP does, without its redirects and its answers to challenges. */
function tlsBlock(
  names: readonly string[],
  plain: Server | undefined,
  { chain, key, port }: { readonly chain: string; readonly key: string; readonly port: number },
): string {
  const isRedirect = ({ name, block = [] }: Directive) =>
    name === 'return' || (name === 'if' && block.some((inside) => inside.name === 'return'));
  const left = ['listen', 'server_name', 'ssl_certificate', 'ssl_certificate_key', 'rewrite'];
  const rest = ownDirectives(plain?.directives ?? []).filter((one) => !left.includes(one.name) && !isRedirect(one));
  const serves = [...rest, ...(plain?.outer ?? [])].some(({ name }) => ['root', 'location'].includes(name));
  const missing = `    # Add what serves these names: \`root FOLDER;\` or \`location / { proxy_pass http://ADDRESS; }\`
`;
  const isOverIpv6 = plain?.listens.some(({ address, ...one }) => address === '[::]' && one.port === port) === true;
  return `server {
    listen 443 ssl;
${isOverIpv6 ? '    listen [::]:443 ssl;\n' : ''}    server_name ${names.join(' ')};
    ssl_certificate ${chain};
    ssl_certificate_key ${key};
${nginxText(rest)}${serves ? '' : missing}}`;
}

/** Without the lines of `certfleet stateless` and redirects to HTTPS, also inside of blocks. */
function ownDirectives(directives: readonly Directive[]): readonly Directive[] {
  return directives.flatMap((one) => {
    const { name, args, block } = one;
    if (args.some((word) => word.includes('$certfleet_'))) return [];
    if (['return', 'rewrite'].includes(name) && args.some((word) => /^https:\/\//.test(word))) return [];
    if (!block || block.length === 0) return [one];
    const own = ownDirectives(block);
    return own.length === 0 ? [] : [{ ...one, block: own }];
  });
}

function changeOf({ at, directives, outer }: Server, name: string, wanted: string): string | undefined {
  const found = valueIn([directives, outer], name);
  if (found?.args[0] === wanted) return undefined;
  return `${found?.at ?? at}: ${name} ${wanted};${found ? ` (in place of ${found.args[0]})` : ''}`;
}

async function overApache({ given, command, folder, port, session }: Found): Promise<WebServed> {
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
    served: { ...(http === undefined ? {} : { http }), deploy: [`files:${folder}`], deployHook: graceful },
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

const filesOf = (folder: string, name: string): readonly [chain: string, key: string] => [
  `${folder}/live/${name}/fullchain.pem`,
  `${folder}/live/${name}/privkey.pem`,
];

function adviceOf(
  changes: readonly string[],
  blocks: readonly string[],
  enhancements: string | undefined,
  reload: string,
): string | undefined {
  const parts = [
    ...(changes.length > 0 ? [`To use the certificate, change this:\n\n${changes.join('\n')}`] : []),
    ...(blocks.length > 0 ? [`To serve HTTPS, add this:\n\n${blocks.join('\n\n')}`] : []),
    ...(enhancements === undefined ? [] : [enhancements]),
  ];
  return parts.length === 0 ? undefined : `${parts.join('\n\n')}\n\nThen ${reload}. certfleet edits no configuration.`;
}

/** The names to get. Fails with a code of `usage/`. */
function namesFor(
  { domains, verb, authenticator }: CertbotWords,
  flag: string,
  served: readonly string[],
): readonly string[] {
  const known = [...new Set(served)].filter((name) => /^[a-z0-9.-]+\.[a-z0-9-]+$/i.test(name));
  if (domains.length === 0) throw namesMissing(verb, known);
  const identifiers = parseIdentifiers(domains, 'the certificate');
  const wildcard = flag === `--${authenticator}` ? identifiers.find(isWildcard) : undefined;
  if (wildcard)
    throw fail(
      'identifier/wildcard-needs-dns',
      { value: wildcard.value, solver: flag, answers: 'http-01' },
      { hint: `Use --dns-PROVIDER in place of ${flag}.` },
    );
  return identifiers.map(({ value }) => value);
}

/** The server's own program, in the usual places or where certbot's flag says. Fails if others can change it. */
async function commandOf(
  given: CertbotWords,
  server: WebServer,
  session: Session,
): Promise<readonly [string, ...string[]]> {
  const { values } = given;
  const { files } = await session.world();
  const typed = server === 'nginx' ? values.nginxCtl : values.apacheCtl;
  const named = typed?.includes('/') ? wholePathOf(`--${server}-ctl `, typed, session.context.env) : typed;
  const usual = folders.flatMap((folder) => programs[server].map((program) => `${folder}/${program}`));
  const places =
    named === undefined ? usual : named.includes('/') ? [named] : usual.filter((path) => path.endsWith(`/${named}`));
  let program: string | undefined;
  for (const path of places) if (program === undefined && (await files.stat(path))) program = path;
  if (program === undefined)
    throw fail('usage/web-server-absent', {
      server: titles[server],
      places: `${named ?? programs[server].join(', ')}${named?.includes('/') ? '' : ` in ${folders.join(', ')}`}`,
      flag: `--${server}-ctl`,
    });
  const foreign = await files.foreign(program);
  if (foreign) throw untrustedCode(program, foreign);
  const hasRoot = server === 'nginx' && values.nginxRoot !== undefined;
  return [program, ...(hasRoot ? ['-c', join(serverRoot(given, session), 'nginx.conf')] : [])];
}

const serverRoot = ({ values: { nginxRoot = '' } }: CertbotWords, { context: { env } }: Session): string =>
  wholePathOf('--nginx-server-root ', nginxRoot, env);

async function run(
  command: readonly [string, ...string[]] | readonly string[],
  session: Session,
): Promise<ProcessResult> {
  const { processes } = await session.world();
  const done = await processes.run({
    command: command as readonly [string, ...string[]],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    signal: session.signal,
    timeoutMs,
  });
  if (done.status === 0) return done;
  const said = (done.stderr.trim() || done.stdout.trim()).split('\n').slice(-3).join(' ');
  throw fail('usage/web-server-failed', { command: command.join(' '), status: done.status, output: said });
}
