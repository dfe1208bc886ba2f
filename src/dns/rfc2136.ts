import { signMessage, type TsigKey, type TsigVerdict, verifyAnswer } from '../clients/dns-wire/tsig.ts';
import { noteWrite } from '../core/async/writes.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { neverArrived } from '../core/errors/unsent.ts';
import { credentialsFile, defineDnsProvider, portNumber, Secret, secret as secretOption, z } from '../define.ts';
import { classes, encodeMessage, encodeRecord, encodeText, types } from '../lib/dns/wire.ts';
import type { SetChange } from '../ports/dns-provider.ts';

const provider = 'rfc2136';

const advice = 'Check `keyName`, `secret` and `algorithm`, and what the server’s policy allows for this key.';

/** The time for one update with its retransmissions: three attempts of 2 s over UDP and one over TCP. */
const timeoutMs = 8_000;

/** A longer message is sent over TCP, because fragments often do not arrive (DNS flag day 2020). */
const longestDatagram = 1_232;

/** The limit for records in one message, which may have 65,535 bytes. */
const mostBytes = 60_000;

/** A person may paste the whole key as `tsig-keygen` prints it, also in one line. */
const secretIn = (text: string): string => /^\s*key\b.*\bsecret\s+"([^"]*)"/s.exec(text)?.[1] ?? text;

/** Otherwise, the server would just report a wrong signature. */
const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text);

/**
 * Dynamic update (RFC 2136), signed with TSIG (RFC 8945): BIND, Knot, PowerDNS, Windows and many appliances.
 *
 * A server makes all changes in a message or none. Adding an existing record and deleting an absent one succeed
 * (§3.4.2), so a write can be repeated. A server silently ignores a TXT beside a CNAME (§3.4.2.2). The solver notices
 * that when it queries the servers.
 */
export default defineDnsProvider({
  id: provider,
  title: 'RFC 2136 dynamic update (BIND, Knot, PowerDNS…)',
  homepage: 'https://www.rfc-editor.org/rfc/rfc2136',
  apiDocs: 'https://bind9.readthedocs.io/en/stable/chapter6.html#dynamic-update',
  since: '0.1.0',
  options: z.object({
    server: z
      .string()
      .min(1)
      .refine((text) => splitServer(text) !== undefined, {
        error: 'write it as ns1.example.com, 192.0.2.53:53 or [2001:db8::53]:53',
      })
      .meta({
        title: 'The primary server that accepts updates, as host or host:port',
        endpoint: true,
        examples: ['ns1.example.com:53'],
        aliases: ['dns_rfc2136_server', 'RFC2136_NAMESERVER', 'NSUPDATE_SERVER'],
      }),
    port: portNumber()
      .optional()
      .meta({
        title: 'Its port, if `server` has none; 53 by default',
        endpoint: true,
        aliases: ['dns_rfc2136_port', 'NSUPDATE_SERVER_PORT'],
      }),
    keyName: z
      .string()
      .min(1)
      .meta({
        title: 'Name of the TSIG key, as the server knows it',
        examples: ['acme'],
        aliases: ['dns_rfc2136_name', 'RFC2136_TSIG_KEY'],
      }),
    secret: secretOption('The TSIG secret, base64', {
      aliases: ['dns_rfc2136_secret', 'RFC2136_TSIG_SECRET'],
    })
      // A check of the configuration does not read the secret.
      .refine((text) => text.reveal() === '' || isBase64(secretIn(text.reveal())), {
        error:
          'the TSIG secret is not base64: give the text between the quotes of `secret`, or all that `tsig-keygen` prints',
      })
      .describe('The text between the quotes of `secret` in what `tsig-keygen` prints, or all that it prints.'),
    algorithm: z
      .enum(['hmac-sha256', 'hmac-sha512', 'hmac-sha384', 'hmac-sha224', 'hmac-sha1', 'hmac-md5'])
      .default('hmac-sha256')
      .meta({ title: 'Algorithm of the TSIG key', aliases: ['dns_rfc2136_algorithm', 'RFC2136_TSIG_ALGORITHM'] }),
    credentials: credentialsFile(['dns_rfc2136_', 'RFC2136_TSIG_'], { aliases: ['NSUPDATE_KEY'] }),
    ttl: z.number().int().min(0).max(86_400).default(60).meta({ title: 'TTL of the TXT record, in seconds' }),
    transport: z
      .enum(['tcp', 'udp'])
      .default('tcp')
      .meta({ title: 'TCP, or UDP with TCP for messages that are too long' }),
  }),
  notes: `In BIND, make a key with \`tsig-keygen acme\`. The secret here is the text between the quotes of its \`secret\`, or all
that it prints ([how to take it out](../guides/wildcard-over-dns.md#the-key-and-what-it-may-change)). Allow the key to change only
challenge records:

\`\`\`
zone "example.com" {
  type primary;
  update-policy { grant acme name _acme-challenge.example.com. TXT; grant acme name _acme-challenge.www.example.com. TXT; };
};
\`\`\`

The file that \`tsig-keygen\` writes works as \`credentials\`, with mode 0600. So does certbot’s; if that leaves out the
algorithm, certbot means HMAC-MD5, which must be written out.

The clocks of both machines must agree within five minutes. Answers are verified too; unsigned ones are rejected.`,
  tested: 'BIND 9.20, Knot 3.4, PowerDNS 4.9',
  // The server itself adds and removes single values, many in one message.
  traits: { writes: 'value', minTtl: 0, maxConcurrent: 16 },
  connect({ options, world }) {
    const key: TsigKey = {
      name: options.keyName,
      algorithm: options.algorithm,
      secret: new Secret(secretIn(options.secret.reveal())),
    };
    const { host, port = options.port ?? 53 } = splitServer(options.server) ?? { host: options.server };

    /** @param records what to change; if empty, the server responds as it would to a change */
    const update = async (
      zone: string,
      name: string,
      records: readonly Uint8Array[],
      signal: AbortSignal,
    ): Promise<void> => {
      const [high = 0, low = 0] = world.random.bytes(2);
      const id = (high << 8) | low;
      let last: unknown;
      for (const address of await addressesOf(host, signal)) {
        signal.throwIfAborted();
        const { signed, mac } = signMessage(updateMessage(id, zone, records), key, world.clock.now());
        const transport = signed.length > longestDatagram ? 'tcp' : options.transport;
        try {
          const reply = await world.dns.exchange({ address, port }, signed, { transport, timeoutMs, signal });
          checkReply(reply, verifyAnswer(reply, key, mac, world.clock.now()), name, world.clock.now());
          if (records.length > 0) noteWrite(signal);
          return;
        } catch (error) {
          if (records.length > 0 && !isFailure(error, 'dns/refused', 'dns/clock-skew') && !neverArrived(error))
            noteWrite(signal);
          // Tries the server's next address if this one cannot be reached.
          if (!isFailure(error, 'dns/lookup-failed')) throw error;
          // An error after which the update may have arrived takes precedence.
          if (last === undefined || neverArrived(last)) last = error;
        }
      }
      throw fail(
        'dns/unreachable',
        { provider: `${provider} (${options.server})`, reason: reasonOf(last) },
        { cause: last },
      );
    };

    const addressesOf = async (host: string, signal: AbortSignal): Promise<readonly string[]> => {
      try {
        return await world.lookup(host, signal);
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        throw fail(
          'dns/unreachable',
          { provider: `${provider} (${options.server})`, reason: reasonOf(cause) },
          { cause },
        );
      }
    };

    const recordsOf = ({ name, add, remove }: SetChange): readonly Uint8Array[] => [
      ...add.map((value) => encodeRecord(name, types.TXT, classes.IN, options.ttl, encodeText(value))),
      // Class NONE and TTL 0: delete this one record (RFC 2136 §2.5.4).
      ...remove.map((value) => encodeRecord(name, types.TXT, classes.NONE, 0, encodeText(value))),
    ];

    return {
      kind: 'sets',
      async write(zone, changes, signal) {
        let records: Uint8Array[] = [];
        let bytes = 0;
        const [{ name } = { name: zone }] = changes;
        for (const record of changes.flatMap(recordsOf)) {
          if (bytes + record.length > mostBytes) {
            await update(zone, name, records, signal);
            [records, bytes] = [[], 0];
          }
          records.push(record);
          bytes += record.length;
        }
        await update(zone, name, records, signal);
      },
      check: (zone, signal) => update(zone, zone, [], signal),
    };
  },
});

/** Encodes an UPDATE message: the zone is the question, and the changes are the records of the third section. */
const updateMessage = (id: number, zone: string, authorities: readonly Uint8Array[]): Uint8Array =>
  encodeMessage(id, 5 << 11, { name: zone, type: types.SOA }, { authorities });

/** Splits `host`, `host:port`, `[IPv6]:port` or a bare IPv6 address. */
function splitServer(text: string): { readonly host: string; readonly port?: number } | undefined {
  const match =
    /^(?:\[([0-9a-fA-F:.%]+)\]|([0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? match?.[3];
  if (host === undefined) return undefined;
  if (match?.[4] === undefined) return { host };
  const port = Number.parseInt(match[4], 10);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function checkReply(reply: Uint8Array, verdict: TsigVerdict, name: string, now: Date): void {
  if (verdict.state === 'untrusted') throw fail('dns/bad-answer', { provider, reason: verdict.reason });
  const rcode = (reply[3] ?? 0) & 0x0f;
  if (verdict.state === 'rejected')
    throw fail(verdict.error === 'BADTIME' ? 'dns/clock-skew' : 'dns/refused', {
      provider,
      name,
      reason: explain(verdict, now),
      advice,
    });
  if (rcode === 0) {
    if (verdict.state === 'verified') return;
    throw fail('dns/bad-answer', { provider, reason: 'it is not signed, so anyone could have sent it' });
  }
  // An unsigned refusal may be reported, since nothing else follows from it.
  throw fail('dns/refused', {
    provider,
    name,
    reason: refusals[rcode] ?? `the server answered RCODE ${rcode}`,
    advice,
  });
}

function explain(verdict: TsigVerdict & { readonly state: 'rejected' }, now: Date): string {
  switch (verdict.error) {
    case 'BADKEY':
      return 'the server does not know this key (BADKEY): check keyName and algorithm';
    case 'BADSIG':
      return 'the server has another secret for this key (BADSIG): check secret and algorithm';
    case 'BADTIME': {
      const theirs = verdict.serverTime;
      const apart = theirs ? ` by ${Math.round(Math.abs(theirs.getTime() - now.getTime()) / 1000)} s` : '';
      return `the clocks of this machine and the server differ${apart} (BADTIME)`;
    }
    default:
      return `the server does not accept the signature (${verdict.error})`;
  }
}

/** RFC 2136 §2.2 and RFC 1035 §4.1.1. */
const refusals: Readonly<Record<number, string>> = {
  1: 'the server could not read the update (FORMERR)',
  2: 'the server failed (SERVFAIL): see its log',
  3: 'the zone does not exist there (NXDOMAIN)',
  4: 'the server accepts no updates (NOTIMP)',
  // PowerDNS returns this for a wrong secret, name, algorithm or clock.
  5: 'the server’s policy does not allow it for this key, or the server does not accept the key (REFUSED)',
  9: 'the server is not authoritative for this zone, or the key is unknown (NOTAUTH)',
  10: 'the name is not in the zone (NOTZONE)',
};
