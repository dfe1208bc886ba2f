import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { buildCertfleet, type Certfleet, stderrOf } from '../support/e2e.ts';
import { atEnd, freePort, temporaryFolder } from '../support/service.ts';
import { hasAiosmtpd, type SmtpServer, smtpLogin, startSmtpServer } from '../support/smtp-server.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// `certfleet alarms test`, as built: one message, or one sentence with what to do.

stopAllAfterwards();

let certfleet: Certfleet;
let mail: SmtpServer;
beforeAll(async () => {
  [certfleet, mail] = await Promise.all([buildCertfleet(), startSmtpServer()]);
});

/** Runs `alarms test` without a store, with this `alarms:` and a secret in a file at `%`. */
async function test(
  alarms: object,
  name: string,
  { secret = smtpLogin.password, flags = [] }: { readonly secret?: string; readonly flags?: readonly string[] } = {},
) {
  const folder = await temporaryFolder('alarms');
  const [config, file] = [join(folder, 'certfleet.yaml'), join(folder, 'secret')];
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
  await writeFile(config, JSON.stringify({ alarms }).replaceAll('%', file));
  return certfleet(['alarms', 'test', name, '--config', config, ...flags], {
    env: { CERTFLEET_ROOT: folder, HTTP_PROXY: '' },
  });
}
const email = (more: object = {}) => ({
  ops: {
    ...{ type: 'email', host: 'localhost', port: mail.port, caFile: mail.caFile },
    ...{ username: smtpLogin.username, password: 'file:%', from: 'certfleet@mail.test', to: 'ops@mail.test', ...more },
  },
});

describeWith([hasAiosmtpd, 'openssl'], 'certfleet alarms test', () => {
  it('sends a mail, and needs no store', async () => {
    const before = mail.mails().length;
    const { status, stdout, stderr } = await test(email(), 'ops');
    expect([status, stdout, stderr]).toEqual([
      0,
      'Sent a test message to ops (email). Look whether it has arrived.\n',
      '',
    ]);
    expect(mail.mails().slice(before)).toMatchObject([{ to: ['ops@mail.test'] }]);
  });

  it('posts to a webhook, whose address no line of the log contains', async () => {
    const got: string[] = [];
    const server = createServer((request, answer) => {
      let body = '';
      request.on('data', (data) => {
        body += data;
      });
      request.on('end', () => {
        got.push(`${request.method} ${request.url} ${(JSON.parse(body) as { title: string }).title}`);
        answer.end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const secret = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in/c2VjcmV0LXBhdGg?key=k9f8e7d6`;
    const flags = ['--verbose'];
    const { status, stdout, stderr } = await test({ me: { type: 'webhook', url: 'file:%' } }, 'me', { secret, flags });
    expect(status).toBe(0);
    expect(got).toEqual(['POST /in/c2VjcmV0LXBhdGg?key=k9f8e7d6 certfleet: a test of alarms']);
    expect(stderr).toMatch(/POST http:\/\/127\.0\.0\.1:\d+: 200 in/);
    expect(stdout + stderr).not.toMatch(/c2VjcmV0|k9f8e7d6/);
  });

  it.each<[string, () => object | Promise<object>, string, { readonly secret?: string }, number, RegExp]>([
    [
      'an unknown name',
      () => email(),
      'opps',
      {},
      2,
      /there is no notifier "opps"; did you mean "ops"\? Declared: ops\./,
    ],
    [
      'an unknown type',
      () => email({ type: 'emial' }),
      'ops',
      {},
      2,
      /:\d+: there is no notifier "emial"; did you mean "email"\?/,
    ],
    [
      'no notifier at all',
      () => ({}),
      'ops',
      {},
      2,
      /there is no notifier "ops" Declare it in `alarms` of certfleet\.yaml\./,
    ],
    [
      'a wrong password',
      () => email(),
      'ops',
      { secret: 'wrong-horse' },
      5,
      /ops \(email\) refused the message: localhost:\d+ says: login: 535 5\.7\.8 .* Check `username` and `password`/,
    ],
    [
      'a missing file',
      () => email({ password: 'file:/nowhere/x' }),
      'ops',
      {},
      2,
      /the secret file \/nowhere\/x cannot be read: no such file/,
    ],
    [
      'a CA that is not trusted',
      () => ({ ops: { ...email().ops, caFile: undefined } }),
      'ops',
      {},
      5,
      /ops \(email\) could not be reached: localhost:\d+: unable to verify the first certificate .* `caFile`/,
    ],
    [
      'a refused connection',
      async () => email({ port: await freePort() }),
      'ops',
      {},
      5,
      /ops \(email\) could not be reached: localhost:\d+: connection refused/,
    ],
    [
      'a bad address',
      () => ({ chat: { type: 'slack', url: 'file:%' } }),
      'chat',
      { secret: 'hooks.slack.com/x' },
      2,
      /chat \(slack\): url: expected an https:\/\/ or http:\/\/ URL/,
    ],
    [
      'no address',
      () => ({ chat: { type: 'slack' } }),
      'chat',
      {},
      2,
      /chat \(slack\) is missing the credential "url" \(CERTFLEET_SLACK_URL\)/,
    ],
  ])('%s is one sentence with what to do', async (_what, alarms, name, options, status, sentence) => {
    const ran = await test(await alarms(), name, options);
    expect([ran.status, ran.stdout], ran.stderr).toEqual([status, '']);
    expect(stderrOf(ran)).toMatch(sentence);
    expect(ran.stderr).not.toMatch(/^ +at |Error:|undefined|\[object|wrong-horse|services\/x/m);
  });
});
