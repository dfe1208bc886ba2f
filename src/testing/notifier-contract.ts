import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Alarm, AlarmNews } from '../core/alarm/alarm.ts';
import { type CertfleetError, isFailure } from '../core/errors/errors.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { TestFunction } from './deployer-contract.ts';

/** A message as people see it. */
export interface ShownMessage {
  /** Title and text, without markup. */
  readonly text: string;
  /** Everything that a reader could click, and whom the message calls: what the service made of markup. */
  readonly links: readonly string[];
  readonly mentions: readonly string[];
}

/** Makes the next message fail in one way. A way that a service does not know is left out. */
export interface NotifierFaults {
  /** The service refuses every message from now on. */
  refuse(): void | Promise<void>;
  /** Nothing listens at the service's address. */
  unreachable(): void | Promise<void>;
  /** The service accepts the message, and its answer is lost. */
  loseAnswer(): void | Promise<void>;
  /** The service takes the message, and never answers. */
  hang(): void | Promise<void>;
  /** The service fails by itself: a status of 500, a 4xx of SMTP. */
  fail(): void | Promise<void>;
  /** The service refuses, and repeats everything that it received. */
  echo(): void | Promise<void>;
  /** The service allows the next message after so many seconds. */
  limit?(seconds: number): void | Promise<void>;
  /** A page of a proxy, with this status, in place of the service's answer. */
  page?(status: number): void | Promise<void>;
  /** A redirect to another host, which gets the message if it is followed. */
  redirect?(): void | Promise<void>;
}

/** A notifier and its service, new for each test. */
export interface NotifierBench {
  /** Returns a new notifier for the same service, as in another process. */
  connect(): Notifier;
  /** Everything that the service has accepted. It refuses what its documents say that it refuses. */
  messages(): Promise<readonly ShownMessage[]>;
  /** How many times a message was sent to the service, whatever became of it. */
  tries(): number;
  readonly faults: NotifierFaults;
  /** What no error and no line of the log may contain. */
  readonly secrets: readonly string[];
  logged(): readonly string[];
  /** Lets time pass while something runs, if time stands still in this test. */
  passWhile<T>(running: Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** The contract of the port {@link Notifier}. */
export function notifierContract(test: TestFunction, make: () => Promise<NotifierBench>): void {
  const check = (name: string, run: (bench: NotifierBench) => Promise<void>) =>
    test(`notifier contract: ${name}`, async () => {
      const bench = await make();
      try {
        await run(bench);
      } finally {
        await bench.stop();
      }
    });
  const sent = async (bench: NotifierBench, news: AlarmNews, signal = never()) =>
    bench.passWhile(bench.connect().send(news, signal));
  const failed = async (bench: NotifierBench, signal = never()): Promise<CertfleetError> => {
    const error = await failureOf(sent(bench, news({ opened: [alarm()] }), signal));
    assert.ok(isFailure(error, 'notify/'), `not of area notify/: ${inspect(error)}`);
    return error;
  };
  const none = async (bench: NotifierBench) => assert.deepEqual(await bench.messages(), []);

  check('a message says what happened, to what, and what to do', async (bench) => {
    await sent(
      bench,
      news({ opened: [alarm({ url: 'https://ca.test/unpause' })], resolved: [alarm({ certificate: 'old.test' })] }),
    );
    const [message, ...others] = await bench.messages();
    assert.deepEqual(others, []);
    for (const words of [
      'New: www.example.com',
      'port 80 is closed',
      'Open port 80',
      'https://ca.test/unpause',
      'Resolved: old.test',
      'web-1',
    ])
      assert.ok(message?.text.includes(words), `without "${words}": ${message?.text}`);
    assert.equal(bench.tries(), 1);
  });

  check('a test message says that it is one', async (bench) => {
    await sent(bench, news({ isTest: true }));
    assert.match((await bench.messages())[0]?.text ?? '', /a test/);
  });

  check('each message arrives once, also of two at a time', async (bench) => {
    const notifier = bench.connect();
    const both = ['a.test', 'b.test'].map((certificate) =>
      notifier.send(news({ opened: [alarm({ certificate })] }), never()),
    );
    await bench.passWhile(Promise.all(both));
    const texts = (await bench.messages()).map(({ text }) => text);
    for (const name of ['a.test', 'b.test'])
      assert.equal(texts.filter((text) => text.includes(`New: ${name}`)).length, 1, texts.join('\n'));
  });

  check('no text becomes markup, a mention or a link', async (bench) => {
    await sent(
      bench,
      news({ node: hostile, opened: [alarm({ certificate: hostile, message: hostile, hint: hostile })] }),
    );
    const [message] = await bench.messages();
    assert.deepEqual(message && { links: message.links, mentions: message.mentions }, { links: [], mentions: [] });
    assert.ok(message?.text.includes('evil.test'), message?.text);
    assert.ok(!/[\u0000-\u0009\u000b-\u001f\u202e]/.test(message?.text ?? ''), inspect(message?.text));
  });

  check('what is too long is cut between alarms, and counted', async (bench) => {
    for (const text of ['x', '证书', '<&>', '"\\']) {
      const opened = Array.from({ length: 600 }, (_, at) =>
        alarm({ certificate: `n${at}.test`, message: text.repeat(100) }),
      );
      await sent(bench, news({ opened }));
      const message = (await bench.messages()).at(-1);
      assert.match(message?.text ?? '', /New: n0\.test[\s\S]*\d+ more did not fit here[\s\S]*web-1/);
    }
    await sent(bench, news({ opened: [alarm({ message: '证'.repeat(50_000), certificate: '书'.repeat(5_000) })] }));
    assert.equal((await bench.messages()).length, 5);
  });

  check('a refusal is an error that says what to do', async (bench) => {
    await bench.faults.refuse();
    const error = await failed(bench);
    assert.equal(error.code, 'notify/refused');
    assert.ok(
      error.message.length > 30 && error.hint.includes('certfleet alarms test'),
      `${error.message} ${error.hint}`,
    );
    await none(bench);
    assert.equal(bench.tries(), 1);
  });

  check('a service that cannot be reached got nothing', async (bench) => {
    await bench.faults.unreachable();
    assert.equal((await failed(bench)).code, 'notify/unreachable');
    await none(bench);
  });

  check('a lost answer leaves open what became of the message, which is not sent again', async (bench) => {
    await bench.faults.loseAnswer();
    assert.equal((await failed(bench)).code, 'notify/unknown');
    assert.equal((await bench.messages()).length, 1);
    assert.equal(bench.tries(), 1);
  });

  check('a service that fails is not asked again', async (bench) => {
    await bench.faults.fail();
    assert.equal((await failed(bench)).code, 'notify/failed');
    assert.equal(bench.tries(), 1);
    await none(bench);
    await sent(bench, news({ opened: [alarm()] }));
    assert.equal((await bench.messages()).length, 1);
  });

  check('a short limit is waited for, and a long one is an error', async (bench) => {
    if (!bench.faults.limit) return;
    await bench.faults.limit(2);
    await sent(bench, news({ opened: [alarm()] }));
    assert.equal((await bench.messages()).length, 1);
    await bench.faults.limit(600);
    assert.equal((await failed(bench)).code, 'notify/limited');
    assert.equal((await bench.messages()).length, 1);
  });

  check('the page of a proxy is no success', async (bench) => {
    for (const status of bench.faults.page ? [200, 403, 502] : []) {
      await bench.faults.page?.(status);
      assert.equal((await failed(bench)).code, 'notify/failed', String(status));
    }
    await none(bench);
  });

  check('a redirect is not followed', async (bench) => {
    if (!bench.faults.redirect) return;
    await bench.faults.redirect();
    assert.equal((await failed(bench)).code, 'notify/failed');
    assert.equal(bench.tries(), 1);
    await none(bench);
  });

  check('the signal ends it at any time, with its own reason', async (bench) => {
    const reason = new Error('the person pressed Ctrl-C');
    const over = new AbortController();
    over.abort(reason);
    assert.equal(await failureOf(sent(bench, news({ isTest: true }), over.signal)), reason);
    assert.equal(bench.tries(), 0);
    await bench.faults.hang();
    const stop = new AbortController();
    const hanging = failureOf(bench.connect().send(news({ isTest: true }), stop.signal));
    while (bench.tries() === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    stop.abort(reason);
    assert.equal(await hanging, reason);
  });

  check('no secret in any error or line of the log', async (bench) => {
    const { faults } = bench;
    const errors: unknown[] = [];
    const faultsOf = [
      faults.echo,
      faults.loseAnswer,
      faults.fail,
      faults.redirect,
      () => faults.page?.(502),
      faults.unreachable,
    ];
    for (const fault of faultsOf) {
      if (!fault) continue;
      await fault();
      errors.push(await failureOf(sent(bench, news({ opened: [alarm()] }))).catch(() => undefined));
    }
    const shown = [...errors.map((error) => allOf(error)), ...bench.logged()].join('\n');
    for (const secret of bench.secrets)
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
        assert.ok(!shown.includes(form), `${form} is in\n${shown}`);
  });
}

/** Everything that an error has, with its causes. */
const allOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.message} ${error.stack} ${JSON.stringify(error)} ${inspect(error, { depth: 8 })} ${allOf(error.cause)}`
    : inspect(error);

/** What services take for markup, a mention or a link. */
const hostile =
  'a <!channel> <@U123> <@all> @everyone @ops <at user_id="all">x</at> <https://evil.test|click> [click](https://evil.test) *b* _i_ `c` <b>x</b> &lt;x&gt; /start #tag \u202e\u001b[31m\r\nBcc: evil@evil.test\r\n.\r\n evil.test';

const alarm = (more: Partial<Alarm> = {}): Alarm => ({
  ...{ key: 'failing/www.example.com', kind: 'failing', certificate: 'www.example.com' },
  ...{ message: 'port 80 is closed', hint: 'Open port 80.', since: '2026-11-29T09:58:00.000Z', code: 'acme/problem' },
  ...more,
});

const news = (more: Partial<AlarmNews>): AlarmNews => ({
  ...{ node: 'web-1', at: '2026-11-29T10:00:00.000Z', opened: [], repeated: [], resolved: [], more: [] },
  ...more,
});

const never = (): AbortSignal => new AbortController().signal;

const failureOf = async (running: Promise<unknown>): Promise<unknown> =>
  running.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );
