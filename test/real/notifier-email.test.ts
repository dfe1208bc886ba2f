import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import { createWorld } from '../../src/lib/world.ts';
import email from '../../src/notifiers/email.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { notifierContract, type ShownMessage } from '../../src/testing/notifier-contract.ts';
import { makeLocalHttps } from '../support/https.ts';
import { freePort, stopAll } from '../support/service.ts';
import { hasAiosmtpd, type ReceivedMail, type SmtpServer, smtpLogin, startSmtpServer } from '../support/smtp-server.ts';
import { describeWith } from '../support/vitest.ts';

const { signal } = new AbortController();
const news = {
  ...{ node: 'web-1', at: '2026-11-29T10:00:00.000Z', opened: [], repeated: [], resolved: [], more: [] },
  isTest: true as const,
};
const password = new Secret(smtpLogin.password);

/** A notifier whose log is kept. */
function connect(options: Record<string, unknown>, longestMs = Number.POSITIVE_INFINITY) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const world = createWorld({ env: {}, log: { debug: log, info: log, warn: log } });
  const given = { from: 'certfleet@mail.test', to: 'ops@mail.test', host: 'localhost', ...options };
  const clock: Clock = {
    ...world.clock,
    deadline: (ms, parent) => world.clock.deadline(Math.min(ms, longestMs), parent),
  };
  const parts = { name: 'ops', options: email.options.parse(given), world: { ...world, clock } };
  return { lines, notifier: email.connect(parts) };
}

/** Decodes a mail of one part, with its subject. */
function shown({ content }: ReceivedMail): ShownMessage {
  const [head = '', ...rest] = content.split('\r\n\r\n');
  const headers = head.replaceAll(/\r\n[ \t]+/g, ' ');
  expect(headers).toMatch(/^Content-Type: text\/plain; charset=utf-8$/im);
  const decodeQ = (quoted: string) => {
    const byte = (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
    return Buffer.from(quoted.replaceAll(/=\r?\n/g, '').replaceAll(/=([0-9A-F]{2})/g, byte), 'latin1').toString('utf8');
  };
  const encoding = /^Content-Transfer-Encoding: (.+)$/im.exec(headers)?.[1];
  const body = rest.join('\r\n\r\n');
  const text =
    encoding === 'base64'
      ? Buffer.from(body, 'base64').toString()
      : encoding === 'quoted-printable'
        ? decodeQ(body)
        : body;
  const subject = (/^Subject: (.+)$/im.exec(headers)?.[1] ?? '').replaceAll(
    /=\?utf-8\?(q|b)\?([^?]*)\?=\s*/gi,
    (_, how: string, word: string) =>
      how.toLowerCase() === 'b' ? Buffer.from(word, 'base64').toString() : decodeQ(word.replaceAll('_', ' ')),
  );
  return { text: `${subject}\n${text.replaceAll('\r\n', '\n')}`.trim(), links: [], mentions: [] };
}

describeWith([hasAiosmtpd, 'openssl'], 'the e-mail notifier', () => {
  let server: SmtpServer;
  const hanging: Server[] = [];
  beforeAll(async () => {
    server = await startSmtpServer();
  });
  afterAll(async () => {
    for (const one of hanging) one.close();
    await stopAll();
  });
  const right = () => ({ port: server.port, caFile: server.caFile, username: smtpLogin.username, password });

  notifierContract(it, async () => {
    await server.next('ok');
    let options: Record<string, unknown> = right();
    const lines: string[] = [];
    const before = { mails: server.mails().length, tries: server.tries() };
    return {
      connect() {
        const { notifier, lines: own } = connect(options);
        return {
          ...notifier,
          send: (one, stop) => notifier.send(one, stop).finally(() => lines.push(...own)),
        };
      },
      messages: async () => server.mails().slice(before.mails).map(shown),
      tries: () => server.tries() - before.tries,
      faults: {
        refuse() {
          options = { ...options, password: new Secret('wrong-horse-battery-8') };
        },
        async unreachable() {
          options = { ...options, port: await freePort() };
        },
        loseAnswer: () => server.next('lose'),
        hang: () => server.next('hang'),
        fail: () => server.next('fail'),
        echo: () => server.next('echo'),
      },
      secrets: [smtpLogin.password, 'wrong-horse-battery-8'],
      logged: () => lines,
      passWhile: (running) => running,
      stop: () => server.next('ok'),
    };
  });

  it('sends plain text to all recipients, with the headers of a machine', async () => {
    const { notifier } = connect({ ...right(), to: ['ops@mail.test', 'me@mail.test'] });
    await notifier.send(news, signal);
    const mail = server.mails().at(-1)!;
    expect(mail).toMatchObject({ from: 'certfleet@mail.test', to: ['ops@mail.test', 'me@mail.test'] });
    expect(mail.content).toMatch(/^From: certfleet <certfleet@mail\.test>$/m);
    expect(mail.content).toMatch(/^To: ops@mail\.test, me@mail\.test$/m);
    expect(mail.content).toMatch(/^Auto-Submitted: auto-generated$/m);
    expect(mail.content).toMatch(/^Message-ID: <[0-9a-f]{32}@mail\.test>$/m);
    expect(mail.content).toMatch(/^Subject: certfleet: a test of alarms$/m);
  });

  it('sends it to the others if one recipient is refused, and says whom', async () => {
    const { notifier, lines } = connect({ ...right(), to: ['nobody@mail.test', 'ops@mail.test'] });
    await notifier.send(news, signal);
    expect(server.mails().at(-1)?.to).toEqual(['ops@mail.test']);
    expect(lines.join('\n')).toMatch(
      /refused nobody@mail\.test: 550 5\.1\.1 User unknown; the other recipients got it/,
    );
  });

  it.each<[string, Record<string, unknown>, RegExp, RegExp]>([
    [
      'a wrong password',
      { password: new Secret('wrong') },
      /^ops \(email\) refused the message: localhost:\d+ says: login: 535 5\.7\.8 /,
      /Check `username` and `password`/,
    ],
    [
      'a refused sender',
      { from: 'forged@mail.test' },
      /refused the message: .* forged@mail\.test: 553 5\.7\.1 Sender address rejected/,
      /Set `from`/,
    ],
    [
      'refused recipients',
      { to: 'nobody@mail.test' },
      /refused the message: .* 550 5\.1\.1 User unknown/,
      /Check `to`/,
    ],
    ['no login', { username: undefined, password: undefined }, /refused the message: .* 530 5\.7\.0 /, /./],
    [
      'a certificate of an unknown CA',
      { caFile: undefined },
      /could not be reached: localhost:\d+: (unable to verify|self-signed|unable to get)/,
      /name its root in `caFile`/,
    ],
    ['a certificate of another host', { host: '127.0.0.2' }, /could not be reached: /, /./],
    [
      'TLS where STARTTLS is spoken',
      { security: 'tls' },
      /could not be reached: localhost:\d+: .*wrong version number/i,
      /`host` and `port`/,
    ],
  ])('says what is wrong: %s', async (_what, options, message, hint) => {
    const { notifier } = connect({ ...right(), ...options });
    const error = await notifier.send(news, signal).then(
      () => undefined,
      (one: Error & { hint: string }) => one,
    );
    expect(error?.message).toMatch(message);
    expect(error?.hint).toMatch(hint);
    expect(error?.message).not.toContain('\n');
  });

  it('refuses to trust another root', async () => {
    const { caFile } = await makeLocalHttps();
    await expect(connect({ ...right(), caFile }).notifier.send(news, signal)).rejects.toMatchObject({
      code: 'notify/unreachable',
    });
  });

  it('speaks TLS from the first byte, or none at all', async () => {
    const [secure, open] = [await startSmtpServer('tls'), await startSmtpServer('none')];
    await connect({ ...right(), port: secure.port, security: 'tls' }).notifier.send(news, signal);
    await connect({ port: open.port, security: 'none' }).notifier.send(news, signal);
    expect([secure.mails().length, open.mails().length]).toEqual([1, 1]);
    await expect(connect({ ...right(), port: open.port }).notifier.send(news, signal)).rejects.toMatchObject({
      message: expect.stringMatching(/STARTTLS|454|502|500/),
    });
    expect(open.mails()).toHaveLength(1);
    expect(() => connect({ ...right(), security: 'none' })).toThrow('`none` would send the password unencrypted');
  });

  it('is stopped while a server says nothing, or is not there any more', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket));
    hanging.push(silent);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const stop = new AbortController();
    const port = (silent.address() as { port: number }).port;
    const sending = connect({ ...right(), host: '127.0.0.1', port }).notifier.send(news, stop.signal);
    await new Promise<void>((resolve) => silent.once('connection', () => resolve()));
    const reason = new Error('stop');
    stop.abort(reason);
    await expect(sending).rejects.toBe(reason);
    const [socket] = sockets;
    await new Promise<void>((resolve) =>
      socket!.destroyed ? resolve() : socket!.once('close', () => resolve()).resume(),
    );

    const waiting = connect({ ...right(), host: '127.0.0.1', port }, 50).notifier.send(news, signal);
    await expect(waiting).rejects.toMatchObject({
      code: 'notify/unreachable',
      message: `ops (email) could not be reached: 127.0.0.1:${port}: timed out`,
    });
    await server.next('hang');
    await expect(connect(right(), 2_000).notifier.send(news, signal)).rejects.toMatchObject({ code: 'notify/unknown' });
    await server.next('ok');

    const again = connect({ ...right(), host: '127.0.0.1', port }).notifier.send(news, signal);
    await new Promise<void>((resolve) => silent.once('connection', () => resolve()));
    sockets.at(-1)!.destroy();
    await expect(again).rejects.toMatchObject({ code: 'notify/unreachable' });
  });
});
