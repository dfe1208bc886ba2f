import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { builtProgram } from '../support/built.ts';
import { startPebble } from '../support/pebble.ts';
import { bareEnvironment, freePort, repositoryRoot, startService, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// docs/guides/pages.md: all that a person types, in this order, in a shell, below a root folder of its own.

stopAllAfterwards();

const guide = (language: string) => readFileSync(join(repositoryRoot, `docs/guides/pages${language}.md`), 'utf8');
const blocksOf = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block);
const commandsOf = (text: string) => blocksOf(text, 'console').flatMap((block) => block.trim().split('\n'));
const password = 'correct horse battery';

describeWith(['pebble', 'curl'], 'the guide "Pages and API"', () => {
  it('leads from nothing to the first login, the API and the audit log', { timeout: 240_000 }, async () => {
    const [pebble, root, port, httpsPort] = await Promise.all([
      startPebble(),
      temporaryFolder('guide-pages'),
      freePort(),
      freePort(),
    ]);
    const env: Record<string, string | undefined> = {
      ...bareEnvironment(),
      ...{ CERTFLEET_ROOT: root, PATH: `${root}/bin:${process.env['PATH']}` },
    };
    const write = async (path: string, text: string, mode = 0o600) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text, { mode });
    };
    await write('bin/certfleet', `#!/bin/sh\nexec '${process.execPath}' '${builtProgram()}' "$@"\n`, 0o755);
    await write('etc/certfleet/bob-password', `${password}\n`);

    /** Puts the places of this test into a text of the guide. */
    const here = (text: string) =>
      text
        .replaceAll('/etc/certfleet', join(root, 'etc/certfleet'))
        .replaceAll('/run/certfleet', join(root, 'run/certfleet'))
        .replaceAll('www.example.com', 'www.example.test')
        .replaceAll('127.0.0.1:8443', `127.0.0.1:${port}`)
        .replaceAll('0.0.0.0:8443', `0.0.0.0:${httpsPort}`);
    const lines = commandsOf(guide('')).map((line) => line.replace(/^# /, ''));
    const next = (begin: string) => {
      const line = lines.shift() ?? '';
      expect(line.slice(0, begin.length), line).toBe(begin);
      return here(line);
    };
    const run = (line: string): Promise<string> =>
      new Promise((answer, reject) =>
        execFile('/bin/sh', ['-c', line], { env }, (error, stdout, stderr) =>
          error ? reject(new Error(`${line}\n${stdout}${stderr}`)) : answer(stdout + stderr),
        ),
      );
    /** Types the next line, which must succeed, and returns what it printed. */
    const type = (begin: string, ...more: readonly string[]) => run([next(begin), ...more].join(' '));

    const { httpPort } = pebble;
    const [first = '', targets = '', https = '', proxied = ''] = blocksOf(guide(''), 'yaml').map(here);
    const preflight = `preflight: { resolvers: ["${pebble.dnsServer}"], http01Port: ${httpPort} }\n`;
    await write('etc/certfleet/certfleet.yaml', `${first}${preflight}`);
    await type('certfleet store key');
    await type('mkdir -p');
    expect(await type('certfleet config check')).toContain('is valid');
    const args = next('certfleet run').split(' ').slice(1);
    const daemon = await startService({ name: 'certfleet', program: join(root, 'bin/certfleet'), args, env });
    const [told = ''] = blocksOf(guide(''), 'text').map((text) => here(text).trim());
    await until(() => daemon.log().includes(told), { what: `the link: ${daemon.log()}` });
    const link = /http:\S+\/first\/[\w-]+/.exec(daemon.log())?.[0] ?? '';
    const at = `http://127.0.0.1:${port}/`;
    const isThere = () =>
      fetch(link).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(isThere, { what: 'the page of the link' });
    const form = new URLSearchParams({ user: 'ann', password, again: password });
    const entered = await fetch(link, { method: 'POST', body: form, redirect: 'manual' });
    expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
    const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
    const overview = async () => (await fetch(at, { headers: { cookie } })).text();
    expect(await overview()).toContain('First steps');
    // The steps in a browser are those of test/browser/connections.test.ts; here, a flag for each.
    const ca = ['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--resolver', pebble.dnsServer];
    const http = ['--http01-port', String(httpPort), '--http', `standalone:127.0.0.1:${httpPort}`];
    await run(['certfleet issue -d www.example.test --agree-tos', ...ca, ...http].join(' '));
    const isShown = async () => (await overview()).includes('The certificate is well');
    await until(isShown, { what: 'the certificate on the overview', everyMs: 200 });
    for (const other of [targets, https, proxied]) {
      await write('etc/certfleet/other.yaml', other);
      expect(await run(here('certfleet config check --config /etc/certfleet/other.yaml'))).toContain('is valid');
    }
    const configuration = await (await fetch(`${at}settings/configuration`, { headers: { cookie } })).text();
    expect(configuration).toContain(`127.0.0.1:${port}`);

    await type('certfleet user add bob');
    expect(await type('certfleet user list')).toMatch(/ann +admin .*\n.*bob +operator /);
    expect(await type('curl')).toMatch(/"name":"www\.example\.test".*"state":"valid"/);
    expect(await type('curl')).toContain('www.example.test');
    expect(await type('curl')).toContain('renew');
    const history = lines[0] ?? '';
    expect(history).toContain('/history');
    await until(async () => (await run(here(history))).includes('renewed'), { what: 'the renewal in the history' });
    lines.shift();

    env['TOKEN'] = /cft_[\w-]+/.exec(await type('certfleet token add'))?.[0];
    expect(await type('curl')).toContain('www.example.test');
    await type('certfleet token remove');
    const audit = await type('certfleet audit');
    for (const what of ['ann +login', 'user.add +bob', 'socket +socket.*certificate.renew', 'token.remove +ci'])
      expect(audit).toMatch(new RegExp(what));
    await type('certfleet user password');
    await type('certfleet user role');
    expect(lines).toEqual([]);
  });

  it('is the same in Chinese', () => {
    const chinese = guide('.zh-CN');
    expect(commandsOf(chinese)).toEqual(commandsOf(guide('')));
    for (const language of ['yaml', 'sh', 'text', 'nginx'])
      expect(blocksOf(chinese, language)).toEqual(blocksOf(guide(''), language));
  });
});
