import { isFailure, reasonOf } from '../core/errors.ts';
import { createTurns } from '../core/turns.ts';
import type { Clock } from '../ports/clock.ts';
import type { Streams } from '../ports/streams.ts';

/**
 * Certificates over HAProxy's runtime API (management guide §9.3, seen on 3.0). Everything it answers is text for
 * people; the words that matter are recognised here and nowhere else.
 *
 * HAProxy has one certificate transaction at a time for the whole process: a second one, for another file too, is
 * refused. One client queues its own changes; that of another process is waited for, and given up as dead after
 * {@link foreignTransactionMs}.
 */
export interface HaproxyAdmin {
  /** undefined where HAProxy has no certificate of that name. */
  certificate(file: string, signal: AbortSignal): Promise<HaproxyCertificate | undefined>;
  /** Names of the crt-lists; a folder named by `crt` is one of them. */
  lists(signal: AbortSignal): Promise<readonly string[]>;
  /** Files in a crt-list. */
  listed(list: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Makes `pem` the certificate `file` (and adds it to the list where it is not in it): all connections from now on
   * see it. On failure what was there before is still in use.
   */
  install(file: string, pem: string, list: string | undefined, signal: AbortSignal): Promise<void>;
  /** Takes a certificate out of the list and out of HAProxy; fine where there is none. */
  withdraw(file: string, list: string | undefined, signal: AbortSignal): Promise<void>;
}

interface HaproxyCertificate {
  /** Upper-case hex; undefined while the certificate is an empty shell. */
  readonly sha1: string | undefined;
  /** Whether a bind line or crt-list uses it. */
  readonly used: boolean;
}

/** A command answers within milliseconds; a commit over thousands of crt-list entries takes seconds. */
const commandTimeoutMs = 15_000;

/** A live transaction of another process is over within milliseconds; after this long its process is dead. */
const foreignTransactionMs = 3_000;

/** How often a transaction of another process is looked at. */
const pollMs = 25;

/** What a dead or a slower process may at most cost us: each round is one transaction that somebody else broke. */
const maxRounds = 5;

export function createHaproxyAdmin(options: {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly socket: { readonly path: string } | { readonly host: string; readonly port: number };
}): HaproxyAdmin {
  const { streams, clock, socket } = options;
  const place = 'path' in socket ? socket.path : `${socket.host}:${socket.port}`;
  // The admin socket takes 10 connections at once (its default maxconn) and refuses more.
  const conversations = createTurns(1);
  const changes = createTurns(1);

  async function ask(command: string, signal: AbortSignal, payload?: string): Promise<string> {
    const text = payload === undefined ? `${command}\n` : `${command} <<\n${payload}\n`;
    const begun = clock.monotonicMs();
    for (;;) {
      const answer = await conversations
        .run(() => streams.converse(socket, text, { effect: command, timeoutMs: commandTimeoutMs, signal }), signal)
        .catch((cause: unknown) => {
          if (!isFailure(cause, 'network/failed')) throw cause;
          const { code } = (cause.cause ?? {}) as { code?: unknown };
          // Not even connected: the command says nothing then, only the socket matters.
          const reason = typeof code === 'string' ? `${place}: ${reasonOf(cause.cause)}` : cause.message;
          throw new Error(`HAProxy’s admin socket cannot be used: ${reason}`, { cause });
        });
      // While HAProxy commits for another connection it answers every command so, and does nothing.
      const locked = /are currently locked!/.test(answer);
      if (!locked || clock.monotonicMs() - begun > commandTimeoutMs) return answer.trim();
      await clock.sleep(pollMs, signal);
    }
  }

  /** Runs undo commands although the caller was stopped; their own failure must not hide the first one. */
  const undo = async (command: string): Promise<void> => {
    await ask(command, new AbortController().signal).catch(() => {});
  };

  const certificate: HaproxyAdmin['certificate'] = async (file, signal) => {
    const command = `show ssl cert ${file}`;
    const answer = await ask(command, signal);
    if (/^Can't display the certificate: Not found/.test(answer)) return undefined;
    if (!/^Filename: /m.test(answer)) throw refusal(command, answer);
    return {
      sha1: /^SHA1 FingerPrint: ([0-9A-F]{40})$/m.exec(answer)?.[1],
      used: /^Status: Used$/m.test(answer),
    };
  };

  const lists: HaproxyAdmin['lists'] = async (signal) => {
    const command = 'show ssl crt-list';
    const answer = await ask(command, signal);
    const names = linesOf(answer);
    if (names.some((name) => /^(Unknown command|Permission denied)/.test(name))) throw refusal(command, answer);
    return names;
  };

  const listed: HaproxyAdmin['listed'] = async (list, signal) => {
    const command = `show ssl crt-list ${list}`;
    const answer = await ask(command, signal);
    if (!answer.startsWith('#')) throw refusal(command, answer);
    return linesOf(answer).map((line) => line.split(/\s/)[0]!);
  };

  /** Opens our transaction; waits for a foreign one, and ends it when nobody seems to. */
  async function open(file: string, pem: string, signal: AbortSignal): Promise<void> {
    const command = `set ssl cert ${file}`;
    const begun = clock.monotonicMs();
    for (;;) {
      const answer = await ask(command, signal, pem);
      if (/^Transaction created/m.test(answer)) return;
      // Left open by a dead process, with whatever that one had put in: begin afresh.
      if (/^Transaction updated/m.test(answer)) {
        await ask(`abort ssl cert ${file}`, signal);
        continue;
      }
      const foreign = /^The ongoing transaction is about '(.+?)'/m.exec(answer)?.[1];
      if (foreign === undefined) throw refusal(command, answer);
      const waited = clock.monotonicMs() - begun;
      if (waited > 2 * foreignTransactionMs) throw refusal(command, answer);
      if (waited > foreignTransactionMs) await ask(`abort ssl cert ${foreign}`, signal);
      await clock.sleep(pollMs, signal);
    }
  }

  async function set(file: string, pem: string, signal: AbortSignal): Promise<void> {
    const command = `commit ssl cert ${file}`;
    for (let round = 1; ; round++) {
      try {
        await open(file, pem, signal);
        const answer = await ask(command, signal);
        if (/^Success!/m.test(answer)) return;
        // Another process took ours for a dead one's.
        const broken = /^No ongoing transaction|^The ongoing transaction is about/m.test(answer);
        if (!broken || round >= maxRounds) throw refusal(command, answer);
      } catch (error) {
        // Also when the answer was lost: nothing of ours may stay open. A commit that had its effect is found by look.
        await undo(`abort ssl cert ${file}`);
        throw error;
      }
    }
  }

  const takeAway = async (file: string, list: string | undefined): Promise<void> => {
    if (list !== undefined) await undo(`del ssl crt-list ${list} ${file}`);
    await undo(`del ssl cert ${file}`);
  };

  return {
    certificate,
    lists,
    listed,
    install: (file, pem, list, signal) =>
      changes.run(async () => {
        const before = await certificate(file, signal);
        if (!before) {
          const command = `new ssl cert ${file}`;
          const answer = await ask(command, signal);
          if (!/^New empty certificate store|already exists/m.test(answer)) throw refusal(command, answer);
        }
        try {
          await set(file, pem, signal);
          if (list !== undefined && !(await listed(list, signal)).includes(file)) {
            const command = `add ssl crt-list ${list} ${file}`;
            const answer = await ask(command, signal);
            if (!/^Success!/m.test(answer)) throw refusal(command, answer);
          }
        } catch (error) {
          // HAProxy itself refuses to delete what is in use.
          if (!before?.used) await takeAway(file, list);
          throw error;
        }
      }, signal),
    withdraw: (file, list, signal) =>
      changes.run(async () => {
        if (await certificate(file, signal)) await takeAway(file, list);
      }, signal),
  };
}

/** One admin command never sees a blank line, a space or a semicolon in a name: they would end it. */
export const isAdminWord = (text: string): boolean => /^[^\s;\\<>]+$/.test(text);

const linesOf = (answer: string): readonly string[] =>
  answer
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** HAProxy's own words; its advice on a wrong command is a page long. */
const refusal = (command: string, answer: string): Error => {
  const words = linesOf(answer).slice(0, 3).join(' / ').slice(0, 300);
  return new Error(`HAProxy answered "${words || 'nothing'}" to \`${command}\``);
};
