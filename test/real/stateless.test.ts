import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import type { Identifier } from '../../src/core/names/identifier.ts';
import { statelessSnippet } from '../../src/core/spec/stateless.ts';
import { declaredOf } from '../support/declared.ts';
import { buildCertfleet, type Certfleet, readLineage, stderrOf, succeeded } from '../support/e2e.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { findProgram, freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import '../support/seeded-setup.ts';

// nginx and HAProxy answer from their configuration alone, which `certfleet stateless` prints.

const run = promisify(execFile);

describeWith(['pebble', 'nginx', 'haproxy'], 'http01-stateless', () => {
  stopAllAfterwards();
  let certfleet: Certfleet;
  let pebble: Pebble;
  let nginx: Nginx;
  let webPort: number;
  beforeAll(async () => {
    webPort = await freePort();
    [certfleet, pebble, nginx] = await Promise.all([
      buildCertfleet(),
      startPebble({ httpPort: webPort }),
      startNginx(),
    ]);
  });

  const names = ['a.example.test', 'b.example.test'];
  const ca = () => ['--issuer', pebble.directoryUrl];
  const issue = (store: string, http: string) =>
    certfleet([
      ...['issue', '-d', names.join(','), ...ca(), '--ca-file', pebble.caFile, '--agree-tos', '--http', http],
      ...['--resolver', pebble.dnsServer, '--http01-port', String(webPort), '--store', store],
    ]);

  /** A server block of port 80, with the printed configuration in it; 404 for everything else. */
  async function serveWithNginx(snippet: string): Promise<void> {
    const server = `server { listen 127.0.0.1:${webPort}; ${snippet}\nlocation / { return 404; } }`;
    await nginx.configure([], server);
    const [program, ...args] = nginx.reloadCommand;
    await run(program, args);
    await nginx.settled();
  }

  const serveWithHaproxy = async (snippet: string, httpPort?: number): Promise<Haproxy> =>
    startHaproxy({
      ...(httpPort === undefined ? {} : { httpPort }),
      certificates: join(await temporaryFolder('certs'), 'crt'),
      frontend: [...snippet.split('\n'), 'http-request return status 404'],
    });

  it('is set up, checked at every proxy before an order, issued and renewed', async () => {
    const store = join(await temporaryFolder('stateless'), 'store');
    const print = async (proxy: string) => {
      const printed = await certfleet([
        ...['stateless', '-d', names.join(','), ...ca(), '--proxy', proxy, '--store', store],
      ]);
      succeeded(printed);
      return printed.stdout;
    };
    await serveWithNginx('');
    const early = await issue(store, 'stateless');
    expect([early.status, stderrOf(early)]).toEqual([
      3,
      expect.stringMatching(
        /a\.example\.test\/\.well-known\/acme-challenge\/RANDOM at 127\.0\.0\.1 returns status 404/,
      ),
    ]);
    expect(stderrOf(early)).toContain('`certfleet stateless');

    await serveWithNginx(await print('nginx'));
    const other = await serveWithHaproxy('');
    const incomplete = await issue(store, `stateless:127.0.0.1:${other.httpPort}`);
    expect([incomplete.status, stderrOf(incomplete)]).toEqual([
      3,
      expect.stringContaining(
        `the proxy at 127.0.0.1:${other.httpPort} returned status 404 for the challenge path of a.example.test`,
      ),
    ]);
    await other.stop();
    const haproxy = await serveWithHaproxy(await print('haproxy'));
    succeeded(await issue(store, `stateless:127.0.0.1:${haproxy.httpPort}`));
    const { spec, current } = await readLineage(store, names[0]!);
    expect(declaredOf(spec).solver).toEqual({ type: 'http01-stateless', frontends: [`127.0.0.1:${haproxy.httpPort}`] });
    succeeded(await certfleet(['renew', '--force', '--store', store]));
    expect((await readLineage(store, names[0]!)).current?.id).not.toBe(current?.id);
    const drawn = await certfleet(['doctor', names[0]!, '--store', store]);
    succeeded(drawn);
    expect(drawn.stdout).toContain(`the proxy at 127.0.0.1:${haproxy.httpPort} gives the right answer`);

    // A rollover waits until every proxy has the new thumbprint, and orders wait for the rollover.
    const rollover = (...flags: readonly string[]) => certfleet(['account', 'rollover', ...flags, '--store', store]);
    const renew = () => certfleet(['renew', '--force', '--store', store]);
    const showWaiting = async () => {
      const [again, status, account] = await Promise.all([
        renew(),
        certfleet(['status', '--store', store]),
        certfleet(['account', 'show', '--store', store]),
      ]);
      expect([again.status, stderrOf(again)]).toEqual([
        7,
        expect.stringMatching(
          /a\.example\.test is waiting for the key rollover of the account at \S+, which started at 20\S+ \S+ UTC; run/,
        ),
      ]);
      expect(status.stdout).toContain('a.example.test is waiting for the key rollover');
      expect(account.stdout).toMatch(/Rollover +started at 20/);
    };
    const waiting = await rollover();
    expect(waiting.status).toBe(2);
    expect(stderrOf(waiting)).toContain('the account key was not replaced');
    expect(stderrOf(waiting)).toContain('`certfleet stateless a.example.test');
    await showWaiting();
    const present = await print('nginx');
    await serveWithNginx(present);
    const halfway = await rollover();
    expect(stderrOf(halfway)).toContain(`the proxy at 127.0.0.1:${haproxy.httpPort} returned`);
    await showWaiting();

    // It can be given up, and begun again with the same key.
    const aborted = await rollover('--abort');
    succeeded(aborted);
    expect(aborted.stdout).toContain('the rollover is given up, and the account keeps its key');
    expect(await print('nginx')).not.toContain('# for the new key');
    await serveWithNginx(await print('nginx'));
    succeeded(await renew());
    expect((await rollover('--abort')).stdout).toContain('no rollover is under way');
    expect((await rollover()).status).toBe(2);
    expect(await print('nginx')).toBe(present);

    await serveWithNginx(present);
    const next = await print('haproxy');
    expect(next).toContain('# for the new key');
    await haproxy.stop();
    const newer = await serveWithHaproxy(next, haproxy.httpPort);
    succeeded(await rollover());
    succeeded(await renew());
    const idle = await certfleet(['status', '--store', store]);
    expect(idle.stdout).not.toContain('rollover');

    // Without names, for every certificate that uses the solver.
    const all = await certfleet(['stateless', '--store', store, '--json']);
    succeeded(all);
    const { thumbprint } = JSON.parse(all.stdout.split('\n')[0]!) as { readonly thumbprint: string };
    expect(await print('nginx')).toContain(`return 200 "$certfleet_token.${thumbprint}";`);
    expect(all.stdout).not.toContain('isNext":true');
    await newer.stop();
  });

  it('answers exactly the paths of challenges, for the names alone', async () => {
    const identifiers: readonly Identifier[] = [
      ...names.map((value) => ({ type: 'dns', value }) as const),
      { type: 'ip', value: '192.0.2.7' },
      { type: 'ip', value: '2001:db8::7' },
    ];
    const thumbprint = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';
    const answers = [{ thumbprint, identifiers }];
    await serveWithNginx(statelessSnippet('nginx', answers));
    const haproxy = await serveWithHaproxy(statelessSnippet('haproxy', answers));
    const hosts = [...names, '192.0.2.7', '[2001:db8::7]'];
    const prefix = '/.well-known/acme-challenge/';
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const token = fc
      .array(fc.constantFrom(...letters), { minLength: 18, maxLength: 132 })
      .map((characters) => characters.join(''));
    const odd = fc.constantFrom('.', '/', '%41', '?', '$', '"', '~', '+', '=', '', '//', '/../', '%2f', '%0a', ';');
    const path = fc.oneof(
      token.map((one) => prefix + one),
      fc.tuple(token, odd, token).map((parts) => prefix + parts.join('')),
      fc.tuple(odd, token).map(([start, one]) => `/${start}.well-known/acme-challenge/${one}`),
      fc.tuple(odd, token).map(([middle, one]) => `/.well-known/${middle}acme-challenge/${one}`),
      token.map((one) => `/.well-known/ACME-challenge/${one}`),
      token.map((one) => `/x${prefix}${one}`),
    );
    const host = fc.oneof(
      fc.constantFrom(...hosts),
      fc.constantFrom(...hosts).map((one) => `x${one}`),
      fc.constantFrom(...hosts).map((one) => `${one}:80`),
      fc.constantFrom(...hosts).map((one) => `${one}.example.net`),
      fc.constantFrom('aaexample.test', 'a.example.testx', 'other.test', '192.0.2.70', 'a.example.test,b.example.test'),
    );
    const ask = (port: number, of: string, at: string) =>
      new Promise<string | undefined>((resolve) => {
        const sent = request({ host: '127.0.0.1', port, path: at, headers: { host: of }, agent: false }, (answer) => {
          let body = '';
          answer.setEncoding('utf8');
          answer.on('data', (text: string) => {
            body += text;
          });
          answer.on('end', () => resolve(answer.statusCode === 200 ? body : undefined));
        });
        sent.on('error', () => resolve(undefined));
        sent.end();
      });
    const exact = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{22,128})$/;
    await fc.assert(
      fc.asyncProperty(host, path, async (of, at) => {
        const found = hosts.includes(of.replace(/:80$/, '')) ? exact.exec(at)?.[1] : undefined;
        const expected = found === undefined ? undefined : `${found}.${thumbprint}`;
        expect(await Promise.all([webPort, haproxy.httpPort].map((port) => ask(port, of, at)))).toEqual([
          expected,
          expected,
        ]);
      }),
      { numRuns: 400 },
    );
    for (const length of [21, 22, 128, 129]) {
      const one = 'x'.repeat(length);
      const expected = length === 22 || length === 128 ? `${one}.${thumbprint}` : undefined;
      for (const port of [webPort, haproxy.httpPort])
        expect(await ask(port, 'a.example.test', prefix + one)).toBe(expected);
    }
    await haproxy.stop();
  });

  it('fits into both configurations for a hundred names of the greatest length', async () => {
    const label = 'x'.repeat(61);
    const identifiers = Array.from({ length: 100 }, (_, index) => ({
      type: 'dns' as const,
      value: `${String(index).padStart(2, '0')}${label}.${label}xx.${label}xx.${label}.test`.slice(0, 253),
    }));
    const answers = [{ thumbprint: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', identifiers }];
    await nginx.configure([], `server { listen 127.0.0.1:${webPort}; ${statelessSnippet('nginx', answers)} }`);
    expect(await nginx.test()).toMatchObject({ code: 0 });
    const file = join(await temporaryFolder('haproxy'), 'haproxy.cfg');
    const timeouts = 'timeout connect 1s\n  timeout client 1s\n  timeout server 1s';
    const rules = statelessSnippet('haproxy', answers).replaceAll(/^/gm, '  ');
    await writeFile(
      file,
      `defaults\n  mode http\n  ${timeouts}\nfrontend web\n  bind 127.0.0.1:${webPort}\n${rules}\n`,
    );
    await run(findProgram('haproxy')!, ['-c', '-q', '-f', file]);
  });
});
