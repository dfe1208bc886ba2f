import { join } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import { shellWord } from '../../core/text/shell-word.ts';
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
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { withPlaces } from '../flags/values.ts';
import { enhancementsText } from './enhancements.ts';
import { adviceOf, type Found, filesOf, namesFor, type WebServed } from './served.ts';
import { run, serverRoot } from './server-program.ts';

/** Handles `--nginx`: asks `nginx -T` which server block serves each name. */
export async function overNginx({ given, command, folder, port, session }: Found): Promise<WebServed> {
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
      ...present({ http }),
      deploy: [`nginx:${folder}`],
      // The program that PATH finds may be a different nginx.
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

/** Returns the value for --http. Fails with a `usage/` code. */
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
      advice: `Add \`server { listen ${port}; server_name ${unserved.join(' ')}; location ^~ /.well-known/acme-challenge/ { root /var/www/html; } }\`, reload nginx, and run this command again.`,
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
      advice: `Run \`${withPlaces(`${line} --proxy nginx`, session)} > ${shellWord(file)}\`, write \`include ${file};\` as the first line of the server block at ${[...new Set((silent.length > 0 ? silent : answers).map(({ server }) => server.at))].join(' and at ')}, reload nginx, and run this command again.`,
    });
  }
  const roots = [...new Set(answers.flatMap(({ answer }) => (answer.how === 'webroot' ? [answer.folder] : [])))];
  return roots.length > 0 ? `webroot:${roots.join(',')}` : 'stateless';
}

/** Returns a TLS server block that does what the HTTP block does, without its redirects and challenge responses. */
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

/** Removes redirects to HTTPS and the lines of `certfleet stateless`, also inside blocks. */
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
