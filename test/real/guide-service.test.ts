import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { buildCertfleet, succeeded } from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { isLong } from '../support/seeded.ts';
import { freePort, repositoryRoot, temporaryFolder, until } from '../support/service.ts';
import { hasAiosmtpd, smtpLogin, startSmtpServer } from '../support/smtp-server.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// docs/guides/run-as-a-service.md, "Five minutes": each command in this order, below a root folder of its own.

stopAllAfterwards();

const guide = readFileSync(join(repositoryRoot, 'docs/guides/run-as-a-service.md'), 'utf8');
const steps = guide.slice(guide.indexOf('## Five minutes'), guide.indexOf('## What it does'));
const blocks = (language: string) =>
  [...steps.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
const commands = blocks('console').flatMap((text) => text.trim().split('\n'));

describeWith(['pebble', hasAiosmtpd, 'openssl'], 'the guide "Run it as a service"', () => {
  it('leads from the first certificate to a service with alarms', { timeout: 170_000 }, async () => {
    const [certfleet, pebble, mail, root, port] = await Promise.all([
      buildCertfleet(),
      startPebble(),
      startSmtpServer(),
      temporaryFolder('guide-service'),
      freePort(),
    ]);
    const env = { CERTFLEET_ROOT: root };
    const file = (path: string) => join(root, path);
    const write = async (path: string, text: string) => {
      await mkdir(dirname(file(path)), { recursive: true });
      await writeFile(file(path), text, { mode: 0o600 });
    };
    /** Runs a line of the guide, with the addresses of this machine. */
    const typed = (line: string, ...more: readonly string[]) => {
      const words = line
        .replace(/^# certfleet /, '')
        .replaceAll('/etc/certfleet', file('etc/certfleet'))
        .split(' ');
      return certfleet([...words.map((word) => word.replace('www.example.com', 'www.example.test')), ...more], { env });
    };
    const lines = [...commands];
    const next = (begin: string) => {
      const line = lines.shift() ?? '';
      expect(line.startsWith(`# ${begin}`), line).toBe(true);
      return line;
    };

    const { httpPort } = pebble;
    const ca = ['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--resolver', pebble.dnsServer];
    const here = ['--http01-port', String(httpPort), '--http', `standalone:127.0.0.1:${httpPort}`];
    succeeded(await typed(next('certfleet issue'), ...ca, ...here));

    const [configuration = ''] = blocks('yaml');
    await write('etc/certfleet/smtp-password', `${smtpLogin.password}\n`);
    await write(
      'etc/certfleet/certfleet.yaml',
      configuration
        .replace('host: smtp.example.com', `host: localhost\n    port: ${mail.port}\n    caFile: ${mail.caFile}`)
        .replace('certfleet@example.com', smtpLogin.username)
        .replaceAll('/etc/certfleet', file('etc/certfleet'))
        .replace('127.0.0.1:9110', `127.0.0.1:${port}`),
    );
    succeeded(await typed(next('certfleet config check')));
    succeeded(await typed(next('certfleet alarms test ops')));
    expect(mail.mails()).toMatchObject([{ to: ['ops@example.com'] }]);

    // systemd has not booted this machine, so the service is started as its unit says.
    await mkdir(file('run/systemd/system'), { recursive: true });
    const unit = await typed(next('certfleet install-timer --daemon'), '--print');
    succeeded(unit);
    expect(unit.stdout).toMatch(/^ *ExecStart=\S+ \S+ run$/m);
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const ended = certfleet(['run'], { env, killWhen: stopped, killWith: 'SIGTERM' });
    onTestFinished(async () => {
      stop();
      await ended;
    });
    const url = `http://127.0.0.1:${port}/readyz`;
    await until(
      () =>
        fetch(url).then(
          ({ status }) => status === 200,
          () => false,
        ),
      { what: 'it is ready' },
    );

    const status = await typed(next('certfleet status'));
    succeeded(status);
    expect(status.stdout).toMatch(/^www\.example\.test +valid /m);
    const history = await typed(next('certfleet show'));
    succeeded(history);
    expect(history.stdout).toContain('issued and delivered');
    const alarms = await typed(next('certfleet alarms'));
    succeeded(alarms);
    expect(next('curl --fail')).toContain('http://127.0.0.1:9110/readyz');
    expect(lines).toEqual([]);

    // A person is told of a mistake within about a minute.
    if (isLong) {
      await write('etc/certfleet/certfleet.yaml', 'listens: 127.0.0.1:9110\n');
      const told = () => mail.mails().some(({ content }) => content.includes('listens'));
      await until(told, { what: 'an alarm', deadlineMs: 110_000 });
      const open = await certfleet(['alarms'], { env });
      expect(open.stdout + open.stderr).toContain('listens');
    }

    stop();
    expect(await ended).toMatchObject({ status: 0 });
  });
});
