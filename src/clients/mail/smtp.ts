import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection, { type SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection';
import { onAbort } from '../../core/async/on-abort.ts';
import { reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { trustAlso } from '../../lib/http/ca-file.ts';
import { connectTcp } from '../../lib/http/connect.ts';

export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** `tls` from the first byte, `starttls` before anything is said, or neither. */
  readonly security: 'starttls' | 'tls' | 'none';
  readonly login?: { readonly username: string; readonly password: Secret } | undefined;
  readonly caFile?: string | undefined;
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  /** Plain text. */
  readonly text: string;
  readonly date: Date;
  /** Without angle brackets. */
  readonly id: string;
}

/** An address that a server refused, while it took the mail for others. */
export interface RefusedRecipient {
  readonly address: string;
  readonly reply: string;
}

/**
 * Why a mail was not sent. `refused` and `failed` are the server's own words, and the mail was not accepted. Nothing was
 * sent if it is `unreachable`; `unknown` means that no answer came after the mail was sent.
 */
export class MailFailure extends Error {
  readonly kind: 'refused' | 'failed' | 'unreachable' | 'unknown';
  /** The part of the conversation in which it happened. */
  readonly during: During;

  constructor(kind: MailFailure['kind'], during: During, reason: string) {
    super(reason);
    this.name = 'MailFailure';
    this.kind = kind;
    this.during = during;
  }
}

type During = 'connection' | 'login' | 'sender' | 'recipients' | 'message';

/** `signal` ends the wait, so these are only for servers that say something now and then. */
const longMs = 10 * 60_000;

/**
 * Sends a mail. Resolves once the server has accepted it for at least one recipient. Fails with {@link MailFailure}, whose
 * text may contain what the server repeats, also if the signal is a deadline that has passed, or with the signal's reason.
 */
export async function sendMail(
  server: MailServer,
  mail: Mail,
  signal: AbortSignal,
): Promise<readonly RefusedRecipient[]> {
  signal.throwIfAborted();
  const { host, port, security, login, caFile } = server;
  const message = await write(mail);
  const tls = caFile === undefined ? {} : { secureContext: trustAlso(caFile) };
  let during: During = 'connection';
  /** Why the signal ended it. */
  const ended = () => (isTimeout(signal.reason) ? silence(during) : signal.reason);
  const socket = await connectTcp({ host, port }, signal).catch((error: unknown) => {
    throw signal.aborted ? ended() : new MailFailure('unreachable', 'connection', reasonOf(error));
  });
  const options: SMTPConnectionOptions = {
    ...{ connection: socket, host, port, tls },
    ...{ secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none' },
    ...{ connectionTimeout: longMs, greetingTimeout: longMs, socketTimeout: longMs, socketCloseTimeout: 0 },
  };
  const smtp = new SMTPConnection(options);
  try {
    return await new Promise<readonly RefusedRecipient[]>((resolve, reject) => {
      const forget = onAbort(signal, () => reject(ended()));
      const end = (error: unknown) => {
        forget();
        reject(error instanceof Error ? failureOf(error, during) : error);
      };
      smtp.on('error', end);
      const send = () => {
        during = 'message';
        smtp.send({ from: mail.from, to: [...mail.to] }, message, (error, info) => {
          if (error || !info) return end(error);
          forget();
          const refused = info.rejectedErrors ?? [];
          resolve(refused.map(({ recipient, response }) => ({ address: String(recipient), reply: String(response) })));
        });
      };
      smtp.connect((error) => {
        if (error) return end(error);
        if (!login) return send();
        during = 'login';
        const { username, password } = login;
        smtp.login({ credentials: { user: username, pass: password.reveal() } }, (refused) =>
          refused ? end(refused) : send(),
        );
      });
    });
  } finally {
    // After an error, the socket of a TLS connection may be another one.
    smtp.close();
    socket.destroy();
  }
}

/** Returns what a server may repeat of a login: the password, and what AUTH PLAIN makes of it (RFC 4616). */
export const secretsOf = ({ username, password }: NonNullable<MailServer['login']>): readonly Secret[] => [
  password,
  new Secret(`\0${username}\0${password.reveal()}`),
];

/** Returns the mail in the form of RFC 5322. */
const write = ({ from, to, subject, text, date, id }: Mail): Promise<Buffer> =>
  new MailComposer({
    ...{ from: { name: 'certfleet', address: from }, to: [...to], subject, text, date, messageId: `<${id}>` },
    // No answer from a vacation responder, and no thread with a list (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated' },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  })
    .compile()
    .build();

/** What nodemailer adds to an error. */
interface Details {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly response?: unknown;
  readonly responseCode?: unknown;
  readonly originalCode?: unknown;
}

function failureOf(error: Error & Details, during: During): MailFailure {
  const { code, command, response, responseCode } = error;
  const phase = { 'MAIL FROM': 'sender', 'RCPT TO': 'recipients' }[String(command)] as During | undefined;
  const at = during === 'message' ? (phase ?? during) : during;
  if (typeof responseCode === 'number' && typeof response === 'string')
    return new MailFailure(responseCode >= 500 ? 'refused' : 'failed', at, response);
  const reason =
    code === 'ETIMEDOUT' ? 'timed out' : code === 'ECONNECTION' ? 'the connection was closed' : wordsOf(error);
  return silence(at, reason);
}

const isTimeout = (reason: unknown): boolean => reason instanceof Error && reason.name === 'TimeoutError';

/** The failure of a server that says no more. Only after the mail was sent may it have been accepted. */
const silence = (during: During, reason = 'timed out'): MailFailure =>
  new MailFailure(during === 'message' ? 'unknown' : 'unreachable', during, reason);

/** TLS errors have the words of OpenSSL or Node, after those of nodemailer. */
const wordsOf = ({ message }: Error): string => message.replace(/^Error initiating TLS - /, '');
