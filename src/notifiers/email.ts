import { cleaned } from '../clients/http/json-api.ts';
import { notifierName } from '../clients/http/notify-api.ts';
import { MailFailure, type MailServer, secretsOf, sendMail } from '../clients/mail/smtp.ts';
import { messageOf } from '../core/alarm/message.ts';
import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { isAddress } from '../core/names/contact.ts';
import { present } from '../core/text/present.ts';
import { defineNotifier, portNumber, secret, wholePath, z } from '../define.ts';

const ports = { tls: 465, starttls: 587, none: 25 } as const;

/** Long enough for a server that looks senders up, and less than the 30 s that an alarm may take. */
const timeoutMs = 25_000;

/** A subject longer than this is hard to read in a list of mails. */
const longestSubject = 150;
const most = 100_000;

const address = (title: string, example: string) =>
  z
    .string()
    .refine(isAddress, { error: 'expected an address like ops@example.com' })
    .meta({ title, examples: [example] });

export default defineNotifier({
  id: 'email',
  title: 'E-mail (SMTP)',
  names: ['mail', 'smtp'],
  since: '0.1.0',
  options: z
    .strictObject({
      host: z
        .string()
        .regex(/^[^\s/:@]+$|^[0-9a-f:]+$/i, { error: 'expected a host name or an address, without a port' })
        .meta({ title: 'The SMTP server', examples: ['smtp.example.com'], endpoint: true }),
      port: portNumber()
        .optional()
        .meta({
          title: 'Its port, if not 587 (`starttls`), 465 (`tls`) or 25 (`none`)',
          examples: [587],
          endpoint: true,
        }),
      security: z.enum(['starttls', 'tls', 'none']).optional().meta({
        title: 'How the connection is encrypted; by default `tls` on port 465, else `starttls`',
        endpoint: true,
      }),
      username: z
        .string()
        .min(1)
        .optional()
        .meta({
          title: 'The name to log in with, if the server wants one',
          examples: ['certfleet@example.com'],
          needs: ['password'],
        }),
      password: secret('The password', { needs: ['username'] }).optional(),
      from: address('The sender', 'certfleet@example.com'),
      to: z
        .union([z.string(), z.array(z.string()).min(1).max(100)], { error: 'must be an address or a list of them' })
        .transform((value) => (typeof value === 'string' ? [value] : value))
        .refine((list) => list.every(isAddress), {
          error: 'must be an address like ops@example.com, or a list of them',
        })
        .meta({ title: 'The recipients', examples: ['ops@example.com', ['ops@example.com', 'me@example.com']] }),
      caFile: wholePath().optional().meta({ title: 'A PEM file with more roots, if the server has a private CA' }),
    })
    .refine(({ security, username }) => security !== 'none' || username === undefined, {
      path: ['security'],
      error: '`none` would send the password unencrypted; use starttls or tls, or leave the login out',
    }),
  notes: `\`\`\`yaml
alarms:
  ops:
    type: email
    host: smtp.example.com
    username: certfleet@example.com
    password: "file:/etc/certfleet/smtp-password"
    from: certfleet@example.com
    to: [ops@example.com]
\`\`\`

Mails are plain text. They are encrypted on their way to the server unless \`security: none\` says otherwise, which is for a
mail server on this machine; then no password is sent. Many services want a password made for this purpose (an app
password) and a sender that belongs to the login. If the server refuses some of the recipients, the others get the mail,
and a warning names the refused ones. An HTTP proxy is not used.`,
  connect({ options, name, world }) {
    const { host, username, password, from, to, caFile } = options;
    const security = options.security ?? (options.port === ports.tls ? 'tls' : 'starttls');
    const notifier = notifierName(name, 'email');
    const login = username === undefined || password === undefined ? undefined : { username, password };
    const port = options.port ?? ports[security];
    const server: MailServer = { host, port, security, login, caFile };
    const secrets = login ? secretsOf(login) : [];
    const shown = (text: string) => cleaned(text, secrets);
    const place = `${host}:${port}`;

    function errorOf({ kind, during, message }: MailFailure): CertfleetError {
      const words = { connection: '', login: 'login: ', sender: `${from}: `, recipients: '', message: '' }[during];
      const reason = shown(`${place} says: ${words}${message}`);
      if (kind === 'refused') return fail('notify/refused', { notifier, name, reason, advice: advices[during] });
      if (kind === 'failed') return fail('notify/failed', { notifier, name, reason });
      const trouble = shown(`${place}: ${message}`);
      if (kind === 'unknown') return fail('notify/unknown', { notifier, name, reason: trouble });
      const isTls = /certificate|self[- ]signed|issuer|altname|ssl|tls/i.test(message);
      return fail(
        'notify/unreachable',
        { notifier, name, reason: trouble },
        present({ hint: isTls ? tlsHint : undefined }),
      );
    }

    return {
      type: 'email',
      async send(news, signal) {
        signal.throwIfAborted();
        const { title, text } = messageOf(news, { title: longestSubject, most });
        const id = `${Buffer.from(world.random.bytes(16)).toString('hex')}@${from.slice(from.indexOf('@') + 1)}`;
        const mail = { from, to, subject: title, text: `${text}\n`, date: world.clock.now(), id };
        const deadline = world.clock.deadline(timeoutMs, signal);
        try {
          const refused = await sendMail(server, mail, deadline.signal);
          for (const { address, reply } of refused)
            world.log.warn(
              `${notifier}: ${shown(`${place} refused ${address}: ${reply}`)}; the other recipients got it`,
            );
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          throw error instanceof MailFailure ? errorOf(error) : error;
        } finally {
          deadline.done();
        }
      },
    };
  },
});

const advices: Readonly<Record<MailFailure['during'], string>> = {
  connection: 'Check `host`, `port` and `security`, and whether the server lets this machine in.',
  login: 'Check `username` and `password`; many services want a password made for programs.',
  sender: 'Set `from` to an address that this login may use.',
  recipients: 'Check `to`.',
  message: 'Ask the administrator of the mail server.',
};

const tlsHint =
  'Check `host` and `port`. If the server has a private CA, name its root in `caFile`; if it knows no encryption, set `security: none`.';
