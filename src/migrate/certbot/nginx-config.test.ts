import { describe, expect, it } from 'vitest';
import { statelessSnippet } from '../../core/spec/stateless.ts';
import { answerOf, nginxText, readNginx, serversFor, tlsServerFor } from './nginx-config.ts';

/** What `nginx -T` prints of a main file with these lines in its http block, and of other files. */
const dump = (http: string, files: Readonly<Record<string, string>> = {}) =>
  [
    'nginx: the configuration file /etc/nginx/nginx.conf syntax is ok',
    `# configuration file /etc/nginx/nginx.conf:\n# main\nuser www-data; # none\nevents { }\nhttp {\n${http}\n}\n`,
    ...Object.entries(files).map(([path, text]) => `# configuration file ${path}:\n${text}\n`),
  ].join('\n');

const plain = (name: string, more = '') => `server { listen 80; server_name ${name}; ${more} }`;

describe('the server that a request reaches', () => {
  it.each<[what: string, http: string, name: string, expected: readonly string[]]>([
    ['an exact name', `${plain('b.test')}\n${plain('a.test b.example')}`, 'a.test', ['6']],
    ['upper case', plain('A.Test'), 'a.test', ['5']],
    ['a wildcard', `${plain('b.test')}\n${plain('*.a.test')}`, 'www.a.test', ['6']],
    ['a wildcard with its domain', `${plain('b.test')}\n${plain('.a.test')}`, 'a.test', ['6']],
    ['an exact name before a wildcard', `${plain('*.a.test')}\n${plain('www.a.test')}`, 'www.a.test', ['6']],
    ['the longest wildcard', `${plain('*.test')}\n${plain('*.a.test')}`, 'www.a.test', ['6']],
    ['a wildcard at the end, after one at the start', `${plain('a.*')}\n${plain('*.test')}`, 'a.test', ['6']],
    ['a regular expression', `${plain('b.test')}\n${plain('~^(?<user>[a-z]+)\\.a\\.test$')}`, 'me.a.test', ['6']],
    ['a quoted one with braces', `${plain('b.test')}\n${plain('"~^w{3}\\.a\\.test$"')}`, 'www.a.test', ['6']],
    ['a regular expression last', `${plain('~.*')}\n${plain('*.test')}`, 'a.test', ['6']],
    ['the first regular expression', `${plain('~a')}\n${plain('~a.*')}`, 'a.test', ['5']],
    ['one that JavaScript does not know', `${plain('b.test')}\n${plain('~(?>a).test')}`, 'a.test', ['5']],
    ['the default server', `${plain('b.test')}\nserver { listen 80 default_server; }`, 'a.test', ['6']],
    ['the first one otherwise', `${plain('b.test')}\n${plain('c.test')}`, 'a.test', ['5']],
    ['no listen', 'server { server_name a.test; }', 'a.test', ['5']],
    ['another port', 'server { listen 8080; server_name a.test; }', 'a.test', []],
    ['a socket of the machine', 'server { listen unix:/run/a; server_name a.test; }', 'a.test', []],
    ['both families', 'server { listen 80; listen [::]:80; server_name a.test; }', 'a.test', ['5']],
    [
      'an address of its own',
      `server { listen 10.0.0.1:80; server_name a.test; }\n${plain('a.test')}\nserver { listen 10.0.0.1:80; }`,
      'a.test',
      ['5', '6'],
    ],
    ['one with another in another family', `${plain('a.test')}\nserver { listen [::]:80; }`, 'a.test', ['5', '6']],
    ['an address without a port', 'server { listen 10.0.0.1; server_name a.test; }', 'a.test', ['5']],
    ['a comment', `# ${plain('a.test')}\n${plain('"a.test"')}`, 'a.test', ['6']],
    ['Lua', `init_by_lua_block { local a = {} -- it's\n}\n${plain('a.test')}`, 'a.test', ['7']],
  ])('%s', (_what, http, name, expected) => {
    const found = serversFor(readNginx(dump(http)), name, 80);
    expect(found.map(({ at }) => at)).toEqual(expected.map((line) => `/etc/nginx/nginx.conf:${line}`));
  });

  it('may be in an included file, and has its line', () => {
    const servers = readNginx(
      dump('include sites-enabled/*;\ninclude /etc/nginx/conf.d/?.conf;', {
        '/etc/nginx/sites-enabled/b': '\n\nserver {\n  include snippets/names;\n  listen 80;\n}',
        '/etc/nginx/snippets/names': 'server_name a.test;',
        '/etc/nginx/conf.d/a.conf': 'server { listen 80 default_server; server_name _; }',
        '/etc/nginx/conf.d/ab.conf': 'server { listen 80; server_name not.included; }',
      }),
    );
    expect(servers.map(({ at, names }) => [at, names])).toEqual([
      ['/etc/nginx/sites-enabled/b:3', ['a.test']],
      ['/etc/nginx/conf.d/a.conf:1', ['_']],
    ]);
  });

  it('is not the default one for TLS', () => {
    const servers = readNginx(
      dump(
        [
          'server { listen 443 ssl default_server; }',
          'server { listen 443 ssl; server_name *.a.test; }',
          'server { listen 443 ssl; listen 80; server_name www.a.test; }',
          'server { listen 444; ssl on; server_name old.test; }',
          plain('b.test'),
        ].join('\n'),
      ),
    );
    const at = (name: string) => tlsServerFor(servers, name)?.at.split(':')[1];
    expect(['www.a.test', 'x.a.test', 'b.test', 'old.test'].map(at)).toEqual(['7', '6', undefined, '8']);
  });

  it.each(['server {', 'server { listen 80; } }', 'server { server_name "a.test; }'])('fails for %s', (http) => {
    expect(() => readNginx(dump(http))).toThrow(/^\/etc\/nginx\/nginx.conf/);
  });
});

describe('how it answers a challenge', () => {
  const answers = (thumbprint: string, ...names: string[]) =>
    statelessSnippet('nginx', [{ thumbprint, identifiers: names.map((value) => ({ type: 'dns', value })) }]);
  const folder = (path: string) => ({ how: 'webroot', folder: path });
  const no = (why: RegExp) => ({ how: 'no', why: expect.stringMatching(why) });
  const acme = '/.well-known/acme-challenge/';

  it.each<[inside: string, expected: object]>([
    ['root /srv;', folder('/srv')],
    ['', folder('/var/www/inherited')],
    ['root html/a;', folder('/usr/share/nginx/html/a')],
    ['root /srv/$host;', no(/:5 has a variable/)],
    ['root /srv/a,b;', no(/:5 has a comma/)],
    ['root /srv; location / { try_files $uri =404; }', folder('/srv')],
    ['root /srv; location / { proxy_pass http://127.0.0.1:3000; }', no(/:5 answers it with `proxy_pass`/)],
    [`location / { proxy_pass http://a; } location ${acme} { root /acme; }`, folder('/acme')],
    [
      `location / { proxy_pass http://a; } location ^~ ${acme} { root /acme; } location ~ /\\. { return 403; }`,
      folder('/acme'),
    ],
    [`location ${acme} { root /acme; } location ~ /\\. { return 403; }`, no(/answers it with `return`/)],
    ['root /srv; location ~* \\.PHP$ { fastcgi_pass a; }', folder('/srv')],
    ['root /srv; location = / { return 301 /x; }', folder('/srv')],
    ['root /srv; location /.well-known { location /.well-known/acme-challenge { root /acme; } }', folder('/acme')],
    [`location ${acme} { alias /acme${acme}; }`, folder('/acme')],
    ['location /.well-known/ { alias /acme/.well-known/; }', folder('/acme')],
    [`location ${acme} { alias /acme/; }`, no(/does not end in/)],
    ['root /srv; location @fallback { proxy_pass http://a; }', folder('/srv')],
    ['return 301 https://$host$request_uri;', no(/answers every request with `return`/)],
    ['location / { return 301 https://$host$request_uri; }', no(/answers it with `return`/)],
    [`location / { return 301 https://$host$request_uri; } location ${acme} { root /acme; }`, folder('/acme')],
    ['root /srv; rewrite ^ https://$host$request_uri permanent;', no(/rewrites it/)],
    ['root /srv; rewrite ^/old /new;', folder('/srv')],
    ['root /srv; if ($host = a.test) { return 301 https://$host$request_uri; }', no(/redirects it/)],
    ['root /srv; if ($host = b.test) { return 301 https://$host$request_uri; }', folder('/srv')],
    ['root /srv; if ($scheme = http) { return 301 https://$host$request_uri; }', no(/redirects it/)],
    ['root /srv; if ($http_user_agent ~ bot) { return 403; }', folder('/srv')],
    [`${answers('print', 'a.test', 'b.test')} return 301 https://$host$request_uri;`, { how: 'stateless' }],
    [`${answers('print', 'b.test')} root /srv;`, folder('/srv')],
    [`return 404; ${answers('print', 'a.test')}`, no(/every request/)],
  ])('%s', (inside, expected) => {
    const [server] = readNginx(dump(`${plain('a.test', inside)}\nroot /var/www/inherited;`));
    expect(answerOf(server!, 'a.test', '/usr/share/nginx')).toEqual(expected);
  });
});

it('writes a block that reads the same', () => {
  const http = `${plain('a.test', 'location ~ "\\.(a|b{2})$" { add_header X "a b"; } set $a \'\'; log_format x "\\"$a\\"";')}`;
  const [server] = readNginx(dump(http));
  const [again] = readNginx(dump(`server {\n${nginxText(server!.directives)}}`));
  const without = (text: string) => text.replaceAll(/"at":"[^"]+",?/g, '');
  expect(without(JSON.stringify(again!.directives))).toBe(without(JSON.stringify(server!.directives)));
});
