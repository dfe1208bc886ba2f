import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { builtProgram } from '../support/built.ts';
import { startPebble } from '../support/pebble.ts';
import { isLong } from '../support/seeded.ts';
import {
  bareEnvironment,
  freePort,
  repositoryRoot,
  type Service,
  startService,
  temporaryFolder,
  until,
} from '../support/service.ts';
import { hasAiosmtpd, smtpLogin, startSmtpServer } from '../support/smtp-server.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// docs/guides/run-as-a-service.md: all that a person types, in this order, in a shell, below a root folder of its own.

stopAllAfterwards();

const guide = (language: string) =>
  readFileSync(join(repositoryRoot, `docs/guides/run-as-a-service${language}.md`), 'utf8');
const blocksOf = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block);
const commandsOf = (text: string) => blocksOf(text, 'console').flatMap((block) => block.trim().split('\n'));

describeWith(['pebble', hasAiosmtpd, 'openssl', 'systemctl', 'curl'], 'the guide "Run it as a service"', () => {
  it('leads from the first certificate to a service with alarms', { timeout: 240_000 }, async () => {
    const [pebble, mail, root, port] = await Promise.all([
      startPebble(),
      startSmtpServer(),
      temporaryFolder('guide-service'),
      freePort(),
    ]);
    const env = { ...bareEnvironment(), CERTFLEET_ROOT: root, PATH: `${root}/bin:${process.env['PATH']}` };
    const write = async (path: string, text: string, mode = 0o600) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text, { mode });
    };
    await write('bin/certfleet', `#!/bin/sh\nexec '${process.execPath}' '${builtProgram()}' "$@"\n`, 0o755);
    await mkdir(join(root, 'run/systemd/system'), { recursive: true });

    /** Puts the places of this test into a text of the guide. */
    const here = (text: string) =>
      text
        .replaceAll('/etc/certfleet', join(root, 'etc/certfleet'))
        .replaceAll('/srv/shared/certfleet', join(root, 'var/lib/certfleet'))
        .replaceAll('www.example.com', 'www.example.test')
        .replaceAll('127.0.0.1:9110', `127.0.0.1:${port}`);
    const lines = commandsOf(guide('')).map((line) => line.replace(/^# /, ''));
    const next = (begin: string) => {
      const line = lines.shift() ?? '';
      expect(line.slice(0, begin.length), line).toBe(begin);
      return here(line);
    };
    /** Types the next line, which must succeed, and returns what it printed. */
    const type = (begin: string, ...more: readonly string[]): Promise<string> => {
      const line = [next(begin), ...more].join(' ');
      return new Promise((answer, reject) =>
        execFile('/bin/sh', ['-c', line], { env }, (error, stdout, stderr) =>
          error ? reject(new Error(`${line}\n${stdout}${stderr}`)) : answer(stdout + stderr),
        ),
      );
    };
    const start = (name: string, [program = '', ...args]: readonly string[]) =>
      startService({ name, program, args, env });
    const says = (service: Service, text: string) =>
      until(() => service.log().includes(text), { what: `it says ${text}: ${service.log()}` });

    const { httpPort } = pebble;
    const ca = ['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--resolver', pebble.dnsServer];
    const web = ['--http01-port', String(httpPort), '--http', `standalone:127.0.0.1:${httpPort}`];
    const issued = await type('certfleet issue', ...ca, ...web);
    expect(issued).toMatch(/To keep all certificates renewed, run `certfleet install-timer --daemon`/);

    const [alarms = '', heartbeat = '', node = '', withToken = ''] = blocksOf(guide(''), 'yaml').map(here);
    const beats: (string | undefined)[] = [];
    const watchman = createServer((request, answer) => {
      beats.push(request.url);
      answer.end();
    });
    const watchmanPort = await freePort();
    await new Promise<void>((listens) => watchman.listen(watchmanPort, '127.0.0.1', listens));
    onTestFinished(() => void watchman.close());
    await write('etc/certfleet/heartbeat-url', `http://127.0.0.1:${watchmanPort}/ping\n`);
    await write('etc/certfleet/smtp-password', `${smtpLogin.password}\n`, 0o644);
    const own = alarms
      .replace('host: smtp.example.com', `host: localhost\n    port: ${mail.port}\n    caFile: ${mail.caFile}`)
      .replace('certfleet@example.com', smtpLogin.username);
    const configuration = `${own}${heartbeat}`;
    await write('etc/certfleet/certfleet.yaml', configuration);
    await type('chmod 600');
    expect(await type('certfleet config check')).toContain('is valid');
    await type('certfleet alarms test ops');
    expect(mail.mails()).toMatchObject([{ to: ['ops@example.com'] }]);

    const first = await start('certfleet', [join(root, 'bin/certfleet'), ...next('certfleet run').split(' ').slice(1)]);
    await says(first, 'it takes care of the certificates from now on');
    const status = await type('certfleet status');
    expect(status).toMatch(/^www\.example\.test +valid /m);
    expect(status).toMatch(/^Next: `certfleet run` renews www\.example\.test around /m);
    expect(await type('certfleet show')).toContain('issued and delivered');
    expect(await type('certfleet alarms')).toContain('No alarm is open.');
    expect(await type('certfleet health --ready')).toContain('ok');
    expect(await type('curl --fail http')).toContain('ok');

    await write('etc/certfleet/certfleet.yaml', configuration.replace(/^listen:/m, 'listens:'));
    const [refused = ''] = blocksOf(guide(''), 'text');
    const sentence = /error: (.*): \/.*: (unknown key.*)\n/.exec(refused)?.slice(1) ?? [];
    expect(sentence).toHaveLength(2);
    for (const part of sentence) await says(first, part);
    // About a minute later, it is an alarm, and the heartbeat has come.
    if (isLong) {
      const told = () => mail.mails().some(({ content }) => content.includes('listens'));
      await until(() => told() && beats.includes('/ping'), { what: 'an alarm and a heartbeat', deadlineMs: 110_000 });
    }
    await write('etc/certfleet/certfleet.yaml', configuration);
    expect(await type('certfleet alarms')).toMatch(isLong ? /listens/ : /No alarm is open|listens/);
    await says(first, 'the configuration was read again');
    await first.stop(10_000);
    expect(await first.ended).toEqual({ code: 0, signal: null });

    // systemd has not booted this machine, so the test starts what the unit starts.
    await type('certfleet install-timer --daemon', '--yes');
    const units = join(root, 'etc/systemd/system');
    expect(await readdir(join(units, 'multi-user.target.wants'))).toEqual(['certfleet.service']);
    const unit = await readFile(join(units, 'certfleet.service'), 'utf8');
    const service = await start('certfleet', /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? []);
    await says(service, 'it takes care of the certificates from now on');

    await write('etc/certfleet/web-2.yaml', node);
    await write('etc/certfleet/web-3.yaml', node.replace('web-2', 'web-3'));
    const at = (name: string) => ['--config', join(root, `etc/certfleet/${name}.yaml`)];
    const second = await start('web-2', [join(root, 'bin/certfleet'), 'run', ...at('web-2')]);
    await says(second, 'it takes care of the certificates from now on');
    const role = next('certfleet run --role responder').split(' ').slice(1);
    const responder = await start('web-3', [join(root, 'bin/certfleet'), ...role, ...at('web-3')]);
    await says(responder, 'it answers challenges from now on');
    // It has the port to which the CA connects, so it answers for the first node.
    lines.unshift('certfleet renew --force', 'certfleet status');
    expect(await type('certfleet renew --force')).toContain('renewed, valid until');
    const nodes = await type('certfleet status');
    expect(nodes).toMatch(/^web-2 +running since /m);
    expect(nodes).toMatch(/^web-3 +responder since /m);

    await write('etc/certfleet/metrics-token', 'a-long-token\n');
    await write('etc/certfleet/certfleet.yaml', configuration.replace(/^listen:.*\n/m, withToken));
    const headers = { authorization: 'Bearer a-long-token' };
    const hasToken = () =>
      fetch(`http://127.0.0.1:${port}/metrics`, { headers }).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(hasToken, { what: 'it has the token', everyMs: 200 });
    expect(await type('curl --fail --header')).toMatch(
      /^certfleet_certificate_expiry_timestamp_seconds\{certificate="www\.example\.test"/m,
    );
    expect(lines).toEqual([]);
  });

  it('is the same in Chinese', () => {
    const chinese = guide('.zh-CN');
    expect(commandsOf(chinese)).toEqual(commandsOf(guide('')));
    for (const language of ['yaml', 'sh', 'text'])
      expect(blocksOf(chinese, language)).toEqual(blocksOf(guide(''), language));
  });
});
