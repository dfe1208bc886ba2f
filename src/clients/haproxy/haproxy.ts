import { createTurns } from '../../core/async/turns.ts';
import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { parseEndpoint } from '../../core/names/endpoint.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Streams } from '../../ports/streams.ts';

/** The admin socket of one HAProxy. Runs one command at a time, each on its own connection. */
export interface HaproxySocket {
  /** The socket in messages: a path, or `host:port`. */
  readonly place: string;
  /**
   * Sends one command, perhaps with a payload, and returns the response. `effect` describes the call in traces and
   * messages, in place of a command that is long or contains something secret.
   */
  ask(
    command: string,
    signal: AbortSignal,
    options?: { readonly payload?: string; readonly effect?: string },
  ): Promise<string>;
}

/**
 * Certificates over HAProxy's runtime API (management guide §9.3, tested with 3.0). All its responses are text for
 * people, which only this file parses.
 *
 * HAProxy allows one certificate transaction at a time, even for different files. A client queues its own changes. It
 * waits for the transaction of another process, and considers that process dead after {@link foreignTransactionMs}.
 */
export interface HaproxyAdmin {
  /** Returns undefined if HAProxy has no certificate with that name. */
  certificate(file: string, signal: AbortSignal): Promise<HaproxyCertificate | undefined>;
  /** Returns the names of the crt-lists. A folder named by `crt` is one of them. */
  lists(signal: AbortSignal): Promise<readonly string[]>;
  /** Returns the files in a crt-list. */
  listed(list: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Makes `pem` the certificate `file` for all new connections, and adds it to the list if it is missing there. If this
   * fails, the previous certificate stays in use.
   */
  install(file: string, pem: string, list: string | undefined, signal: AbortSignal): Promise<void>;
  /** Removes a certificate from the list and from HAProxy, if it exists. */
  withdraw(file: string, list: string | undefined, signal: AbortSignal): Promise<void>;
}

interface HaproxyCertificate {
  /** Upper-case hex; undefined while the certificate is empty. */
  readonly sha1: string | undefined;
  /** Whether a bind line or a crt-list uses the certificate. */
  readonly used: boolean;
}

/** Commands answer within milliseconds; a commit over thousands of crt-list entries takes seconds. */
const commandTimeoutMs = 15_000;

/** A live transaction takes milliseconds, so the process of an older one is considered dead. */
const foreignTransactionMs = 3_000;

/** The interval at which the transaction of another process is checked. */
const pollMs = 25;

/** How many times to start over after another process broke this client's transaction. */
const maxRounds = 5;

/** The accepted values of the option for an admin socket. */
export const socketPattern = /^(\/.+|.+:\d{1,5})$/;

export function createHaproxySocket(options: {
  readonly streams: Streams;
  readonly clock: Clock;
  /** A path, or `host:port`. */
  readonly socket: string;
}): HaproxySocket {
  const { streams, clock, socket: place } = options;
  const socket = place.startsWith('/') ? { path: place } : parseEndpoint(place);
  // The admin socket accepts 10 connections at once (its default maxconn).
  const conversations = createTurns(1);

  return {
    place,
    async ask(command, signal, { payload, effect = command } = {}) {
      const text = payload === undefined ? `${command}\n` : `${command} <<\n${payload}\n`;
      const begun = clock.monotonicMs();
      for (;;) {
        const answer = await conversations
          .run(() => streams.converse(socket, text, { effect, timeoutMs: commandTimeoutMs, signal }), signal)
          .catch((cause: unknown) => {
            if (!isFailure(cause, 'network/failed')) throw cause;
            const { code } = (cause.cause ?? {}) as { code?: unknown };
            // Without a connection, the command does not matter, only the socket.
            const reason = typeof code === 'string' ? `${place}: ${reasonOf(cause.cause)}` : cause.message;
            throw new Error(`HAProxy’s admin socket cannot be used: ${reason}`, { cause });
          });
        // While HAProxy commits for another connection, it sends this response to every command.
        const locked = /are currently locked!/.test(answer);
        if (!locked || clock.monotonicMs() - begun > commandTimeoutMs) return answer.trim();
        await clock.sleep(pollMs, signal);
      }
    },
  };
}

export function createHaproxyAdmin(options: {
  readonly streams: Streams;
  readonly clock: Clock;
  /** A path, or `host:port`. */
  readonly socket: string;
}): HaproxyAdmin {
  const { clock } = options;
  const { ask } = createHaproxySocket(options);
  const changes = createTurns(1);

  /** Runs undo commands even after an abort. Their failure must not hide the original error. */
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

  /**
   * Opens this client's transaction. Waits for another process's transaction, and aborts it if that process seems dead.
   */
  async function open(file: string, pem: string, signal: AbortSignal): Promise<void> {
    const command = `set ssl cert ${file}`;
    const begun = clock.monotonicMs();
    for (;;) {
      const answer = await ask(command, signal, { payload: pem });
      if (/^Transaction created/m.test(answer)) return;
      // A dead process left this transaction open, with its own content, so start over.
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
        // Another process considered this one dead.
        const broken = /^No ongoing transaction|^The ongoing transaction is about/m.test(answer);
        if (!broken || round >= maxRounds) throw refusal(command, answer);
      } catch (error) {
        // Leaves nothing open even if the response was lost. If the commit took effect, `look` will find that.
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
          // HAProxy itself refuses to delete a certificate in use.
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

/** Reports whether a name is safe in an admin command, which a space, a semicolon or a line break would end. */
export const isAdminWord = (text: string): boolean => /^[^\s;\\<>]+$/.test(text);

const linesOf = (answer: string): readonly string[] =>
  answer
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** Quotes HAProxy's response, without the page of help that follows a wrong command. */
export const refusal = (command: string, answer: string): Error => {
  const words = remoteText(linesOf(answer).slice(0, 3).join(' / '), 300);
  return new Error(`HAProxy answered "${words || 'nothing'}" to \`${command}\``);
};
