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

/** Alarms that a process keeps and sends. */
export interface Alarms {
  /**
   * Takes note of what is worth an alarm, if a look is given, and sends what is not sent yet. Only a failure of the book
   * is thrown: a notifier that fails is tried again.
   */
  tell(look: Omit<Look, 'now'> | undefined, signal: AbortSignal): Promise<void>;
  /** Returns when a notifier that has failed is tried again, in ms since 1970, as far as this process knows. */
  nextTryMs(): number | undefined;
  /** Reads the document again at the next call, because another process may have changed it. */
  readAgain(): void;
}

export function createAlarms(engine: AlarmPorts, book: AlarmBook): Alarms {
  const { clock, connections, node, processes } = engine;
  const turns = createTurns(1);
  let known: Page | undefined;
  /** The notifiers that were declared at the last call. */
  let declared: readonly string[] = [];
  /** What was sent, but could not be written down. */
  let unsettled: readonly Sent[] = [];

  async function change(next: (before: AlarmDocument) => AlarmDocument, signal: AbortSignal): Promise<AlarmDocument> {
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

  /** Settles what was sent, looks, and claims what is to be sent, in one write. */
  async function note(names: readonly string[], look: Omit<Look, 'now'> | undefined, signal: AbortSignal) {
    let looked: Looked | undefined;
    let due: readonly string[] = [];
    const document = await change((before) => {
      const now = clock.now();
      const settled = unsettled.length > 0 ? afterSending(before, { sent: unsettled, names, now }) : before;
      looked = look && afterLook(settled, { ...look, now });
      const next = looked?.document ?? settled;
      const isFree = (holder: Parameters<typeof processes.look>[0]) =>
        isSameProcess(holder, processes.self()) ? 'dead' : processes.look(holder);
      due = isClaimed(next, now, isFree) ? [] : behind(next, names, now);
      if (due.length > 0) return claimed(next, processes.self(), now);
      // Without a notifier, the events are all that tells of it.
      return names.length === 0 && next.resolved.length > 0 ? { ...next, resolved: [] } : next;
    }, signal);
    unsettled = [];
    return { document, looked, due };
  }

  async function tell(look: Omit<Look, 'now'> | undefined, signal: AbortSignal): Promise<void> {
    const connect = connections.open();
    try {
      const names = connect.notifiers();
      declared = names;
      const { document, looked, due } = await note(names, look, signal);
      if (looked) reportLooked(engine, looked, look!);
      if (due.length === 0) return;
      const { serial } = document;
      const send = async (notifier: string): Promise<Sent> => {
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
      const sent = await Promise.all(due.map(send));
      unsettled = sent;
      await change((before) => afterSending(before, { sent, names, now: clock.now() }), signal);
      unsettled = [];
    } finally {
      connect.end();
    }
  }

  return {
    tell: (look, signal) => turns.run(() => tell(look, signal)),
    nextTryMs: () => known && nextTryMs(known.document, declared, clock.now()),
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
