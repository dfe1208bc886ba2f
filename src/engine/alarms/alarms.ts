import type { Alarm } from '../../core/alarm/alarm.ts';
import {
  afterSending,
  behind,
  claimed,
  isClaimed,
  newsFor,
  nextTryMs,
  type Sent,
} from '../../core/alarm/alarm-news.ts';
import { type AlarmDocument, afterLook, type Look, type Looked } from '../../core/alarm/open-alarms.ts';
import { orAborted } from '../../core/async/on-abort.ts';
import { createTurns } from '../../core/async/turns.ts';
import { asFailure } from '../../core/errors/errors.ts';
import { isSameProcess } from '../../core/lineage/process-identity.ts';
import { present } from '../../core/text/present.ts';
import { type EngineProcess, report } from '../engine.ts';
import type { AlarmBook, Page } from './book.ts';

/** What keeping and sending alarms needs. */
export type AlarmPorts = Pick<EngineProcess, 'node' | 'clock' | 'processes' | 'reporter' | 'connections'>;

/** How long a notifier may take. A claim lasts for longer. */
const sendMs = 30_000;

/** Alarms that a process keeps and sends. Only a failure of the book is thrown: a notifier that fails is tried again. */
export interface Alarms {
  /** Takes note of what is worth an alarm. Returns what is open then. */
  look(look: Omit<Look, 'now'>, signal: AbortSignal): Promise<AlarmDocument['open']>;
  /** Sends what is not sent yet. */
  send(signal: AbortSignal): Promise<void>;
  /** Returns when a notifier that has failed is tried again, in ms since 1970, as far as this process knows. */
  nextTryMs(): number | undefined;
  /** Tries notifiers that have failed at the next call, because other settings or secrets may have mended them. */
  tryAgain(): void;
  /** Reads the document again at the next call, because another process may have changed it. */
  readAgain(): void;
}

export function createAlarms(engine: AlarmPorts, book: AlarmBook): Alarms {
  const { clock, connections, node, processes } = engine;
  const changes = createTurns(1);
  // A notifier that hangs holds up no look.
  const sends = createTurns(1);
  let known: Page | undefined;
  /** The notifiers that were declared at the last call. */
  let declared: readonly string[] = [];
  /** What was sent, but could not be written down. */
  let unsettled: readonly Sent[] = [];
  let isAgain = false;

  async function write(next: (before: AlarmDocument) => AlarmDocument, signal: AbortSignal): Promise<AlarmDocument> {
    for (;;) {
      const page = known ?? (await book.read(signal));
      known = undefined; // if the write fails, it may have taken effect
      const document = next(page.document);
      if (document === page.document) {
        known = page;
        return document;
      }
      known = await book.write({ document, revision: page.revision }, signal);
      if (known) return document;
    }
  }

  /** Settles what was sent, and changes the document, in one write. */
  const change = (
    next: (before: AlarmDocument) => AlarmDocument,
    signal: AbortSignal,
    sent: readonly Sent[] = [],
  ): Promise<AlarmDocument> =>
    changes.run(async () => {
      unsettled = [...unsettled, ...sent];
      const settled = (before: AlarmDocument) =>
        unsettled.length > 0 ? afterSending(before, { sent: unsettled, names: declared, now: clock.now() }) : before;
      const document = await write((before) => next(settled(before)), signal);
      unsettled = [];
      return document;
    });

  async function look(given: Omit<Look, 'now'>, signal: AbortSignal): Promise<AlarmDocument['open']> {
    const connect = connections.open();
    declared = connect.notifiers();
    connect.end();
    let looked: Looked | undefined;
    const { open } = await change((before) => {
      looked = afterLook(before, { ...given, now: clock.now() });
      const { document } = looked;
      // Without a notifier, the events are all that tells of it.
      return declared.length === 0 && document.resolved.length > 0 ? { ...document, resolved: [] } : document;
    }, signal);
    if (looked) reportLooked(engine, looked, given);
    return open;
  }

  async function send(signal: AbortSignal): Promise<void> {
    const connect = connections.open();
    try {
      const names = connect.notifiers();
      declared = names;
      const isFree = (holder: Parameters<typeof processes.look>[0]) =>
        isSameProcess(holder, processes.self()) ? 'dead' : processes.look(holder);
      let due: readonly string[] = [];
      const document = await change((before) => {
        const now = clock.now();
        due = isClaimed(before, now, isFree) ? [] : behind(before, names, isAgain ? undefined : now);
        return due.length > 0 ? claimed(before, processes.self(), now) : before;
      }, signal);
      isAgain = false;
      const { serial } = document;
      const sendBy = async (notifier: string): Promise<Sent> => {
        const news = newsFor(document, notifier, { node, now: clock.now() });
        if (!news) return { notifier, serial, hasFailed: false };
        const deadline = clock.deadline(sendMs, signal);
        try {
          const sending = connect.notifier(notifier).then((one) => one.send(news, deadline.signal));
          await orAborted(sending, deadline.signal);
          return { notifier, serial, hasFailed: false };
        } catch (error) {
          signal.throwIfAborted();
          const { code, message } = asFailure(error);
          const text = `could not send alarms by ${notifier}: ${message}`;
          report(engine, { level: 'warn', event: 'alarm.unsent', message: text, data: { notifier, code } });
          return { notifier, serial, hasFailed: true };
        } finally {
          deadline.done();
        }
      };
      if (due.length > 0) await change((before) => before, signal, await Promise.all(due.map(sendBy)));
    } finally {
      connect.end();
    }
  }

  return {
    look,
    send: (signal) => sends.run(() => send(signal)),
    nextTryMs: () => known && nextTryMs(known.document, declared, clock.now()),
    tryAgain() {
      isAgain = true;
    },
    readAgain() {
      known = undefined;
    },
  };
}

function reportLooked(engine: AlarmPorts, { opened, repeated, resolved }: Looked, look: Omit<Look, 'now'>): void {
  // A run that delivers has told about its own targets, and a look for nodes about these.
  const isReported = new Set(look.conditions.flatMap(({ key, isReported: is }) => (is ? [key] : [])));
  for (const alarm of opened)
    tellOf(engine, { alarm, event: 'alarm.raised', level: isReported.has(alarm.key) ? 'info' : 'alarm' });
  for (const alarm of repeated) tellOf(engine, { alarm, event: 'alarm.repeated', level: 'alarm' });
  for (const alarm of resolved) tellOf(engine, { alarm, event: 'alarm.resolved', level: 'info' });
}

function tellOf(
  engine: AlarmPorts,
  {
    alarm,
    event,
    level,
  }: {
    readonly alarm: Alarm;
    readonly event: 'alarm.raised' | 'alarm.repeated' | 'alarm.resolved';
    readonly level: 'info' | 'alarm';
  },
): void {
  const { key, kind, certificate, node, message, hint, since, code, url } = alarm;
  const words = event === 'alarm.resolved' ? `resolved: ${message}` : message;
  const data = { key, kind, since, hint, ...present({ node, code, url }) };
  report(engine, { level, event, message: words, data, ...present({ certificate }) });
}
