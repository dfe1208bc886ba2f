import { describe, expect, it } from 'vitest';
import { takeUpdates } from '../../test/support/update-server.ts';
import { signMessage } from '../clients/dns-wire/tsig.ts';
import { checkOptions, resolveOptions } from '../config/options/options.ts';
import { fail } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { neverArrived } from '../core/errors/unsent.ts';
import { inLanguage } from '../core/errors/wording.ts';
import { markAsWritten } from '../core/spec/as-written.ts';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import { Reader } from '../lib/dns/wire.ts';
import type { World } from '../ports/world.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import rfc2136 from './rfc2136.ts';

// The contract suite runs against BIND in test/real/dns-rfc2136.test.ts. These tests check the bytes.

const signal = new AbortController().signal;
const secret = 'Y0ME13MmrPBN27PijlpjlbanXkSND4ZC5Eb+uEoOs44=';
const zone = 'example.test';
const name = '_acme-challenge.example.test';
const options = {
  server: '192.0.2.53',
  keyName: 'acme',
  secret: new Secret(secret),
  algorithm: 'hmac-sha256',
  ttl: 60,
  transport: 'tcp',
} as const;

type Exchange = World['dns']['exchange'];

function connect(
  exchange: Exchange,
  more: Partial<
    Pick<Parameters<typeof rfc2136.connect>[0]['options'], 'server' | 'transport' | 'port' | 'secret'>
  > = {},
  addresses = ['192.0.2.53'],
) {
  const world = {
    clock: fakeClock(),
    random: { bytes: () => Uint8Array.of(0xda, 0x5d), number: () => 0 },
    dns: { exchange },
    lookup: async () => addresses,
  } as unknown as World;
  return rfc2136.connect({ name: 'dns', world, options: { ...options, ...more } });
}

/** Records what is sent, and answers without a signature. */
const record =
  (sent: { server: unknown; message: Uint8Array }[], rcode = 5): Exchange =>
  async (server, message) => {
    sent.push({ server, message });
    return Buffer.concat([message.subarray(0, 2), Uint8Array.of(0xa8, rcode), Buffer.alloc(8)]);
  };

/** A change of one value, as `dns01` asks for it. */
const adding = (value = 'abc') => [{ name, add: [value], remove: [], before: undefined, after: [value], ttl: 60 }];
const removing = () => [{ name, add: [], remove: ['abc'], before: undefined, after: [], ttl: 60 }];

describe('the update', () => {
  it.each([
    ['add', 1, 60],
    ['remove', 254, 0],
  ] as const)('%s is one record of class %i', async (method, klass, ttl) => {
    const sent: { server: unknown; message: Uint8Array }[] = [];
    const provider = connect(record(sent));
    await expect(provider.write(zone, method === 'add' ? adding() : removing(), signal)).rejects.toMatchObject({
      code: 'dns/refused',
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.server).toEqual({ address: '192.0.2.53', port: 53 });

    const reader = new Reader(sent[0]!.message);
    expect([reader.u16(), reader.u16()]).toEqual([0xda5d, 5 << 11]);
    expect([reader.u16(), reader.u16(), reader.u16(), reader.u16()]).toEqual([1, 0, 1, 1]);
    expect([reader.name(), reader.u16(), reader.u16()]).toEqual(['example.test', 6, 1]);
    expect([reader.name(), reader.u16(), reader.u16(), reader.u32()]).toEqual([name, 16, klass, ttl]);
    expect(reader.take(reader.u16()).toString('latin1')).toBe('\x03abc');
    expect([reader.name(), reader.u16(), reader.u16(), reader.u32()]).toEqual(['acme', 250, 255, 0]);
  });

  it('cuts a long value into strings of 255 octets', async () => {
    const sent: { server: unknown; message: Uint8Array }[] = [];
    await connect(record(sent))
      .write(zone, adding('x'.repeat(300)), signal)
      .catch(() => {});
    const text = Buffer.from(sent[0]!.message).toString('latin1');
    expect(text).toContain(`\xff${'x'.repeat(255)}\x2d${'x'.repeat(45)}`);
  });
});

/** A server that takes updates. */
function server() {
  const clock = fakeClock();
  const written: unknown[] = [];
  const first = takeUpdates({ add: (value) => void written.push(value), remove: () => {} }, secret, () => clock.now());
  return { clock, written, first };
}

describe('many changes', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ ...adding()[0]!, name: `_acme-challenge.n${at}.example.test` }));
  const sizes = (sent: readonly { readonly message: Uint8Array }[]) =>
    sent.map(({ message }) => new Reader(message, 8).u16());

  it('are one message, with values added before others at the name are removed', async () => {
    const sent: { server: unknown; message: Uint8Array }[] = [];
    const swap = { ...adding('new')[0]!, remove: ['old'] };
    await connect(record(sent))
      .write(zone, [swap, ...many(3)], signal)
      .catch(() => {});
    expect(sizes(sent)).toEqual([5]);
    const text = Buffer.from(sent[0]!.message).toString('latin1');
    expect(text.indexOf('\x03new')).toBeLessThan(text.indexOf('\x03old'));
  });

  it('that do not fit into one message go over TCP in several, and the first refusal ends it', async () => {
    const sent: { server: unknown; message: Uint8Array }[] = [];
    await expect(connect(record(sent)).write(zone, many(3_000), signal)).rejects.toMatchObject({ code: 'dns/refused' });
    expect(sent).toHaveLength(1);
    expect(sent[0]!.message.length).toBeLessThan(65_536);
    expect(sizes(sent)[0]).toBeGreaterThan(500);
  });

  const lost = (code: string) =>
    fail(
      'dns/lookup-failed',
      { server: '', question: '', reason: code },
      { cause: Object.assign(new Error(code), { code }) },
    );
  it.each<[string, Exchange, string]>([
    ['is refused', record([]), 'not allow'],
    ['finds no server', () => Promise.reject(lost('ECONNREFUSED')), 'ECONNREFUSED'],
    ['gets no answer', () => Promise.reject(lost('ETIMEDOUT')), 'ETIMEDOUT'],
  ])(
    'of which the second message %s may have been written, whatever that error proves',
    async (_what, second, words) => {
      const { clock, written, first } = server();
      let messages = 0;
      const provider = connect((...call) => {
        messages += 1;
        return messages === 1 ? first(...call) : second(...call);
      });
      const traits = { ...rfc2136.traits };
      const { add } = createZoneWriter({ provider, traits, clock, lock: (_key, over, change) => change(over) });
      const asked = many(1_800).map((one) => ({ zone, name: one.name, value: 'abc', ttl: 60 }));
      const done = await Promise.allSettled(asked.map((value) => add(value, signal)));
      expect(written.length).toBeGreaterThan(500);
      const errors = new Set(done.map((one) => (one.status === 'rejected' ? one.reason.code : 'written')));
      expect([...errors]).toEqual(['dns/failed']);
      expect(done[0]).toMatchObject({ reason: { message: expect.stringContaining(words) } });
    },
  );

  it.each([
    [3, 'udp'],
    [30, 'tcp'],
  ])('%i names over UDP take %s', async (count, transport) => {
    const used: unknown[] = [];
    const exchange: Exchange = async (_server, message, options) => {
      used.push(options.transport);
      return record([])(_server, message, options);
    };
    await connect(exchange, { transport: 'udp' })
      .write(zone, many(count), signal)
      .catch(() => {});
    expect(used).toEqual([transport]);
  });
});

describe('the answer', () => {
  const reply = (rcode: number): Exchange => record([], rcode);

  it.each([
    [2, 'SERVFAIL'],
    [4, 'NOTIMP'],
    [5, 'REFUSED'],
    [9, 'NOTAUTH'],
    [10, 'NOTZONE'],
    [13, 'RCODE 13'],
  ])('with code %i is a refusal that says: %s', async (rcode, words) => {
    await expect(connect(reply(rcode)).write(zone, adding(), signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining(words),
    });
  });

  it('of success without a signature is rejected', async () => {
    await expect(connect(reply(0)).write(zone, adding(), signal)).rejects.toMatchObject({ code: 'dns/bad-answer' });
  });

  it('that is our own request sent back is rejected', async () => {
    const echo: Exchange = async (_server, message) => {
      const answer = Buffer.from(message);
      answer[2]! |= 0x80;
      return answer;
    };
    await expect(connect(echo).write(zone, adding(), signal)).rejects.toMatchObject({ code: 'dns/bad-answer' });
  });

  it('signed for no request is rejected', async () => {
    const unbound: Exchange = async (_server, message) => {
      const bare = Buffer.concat([message.subarray(0, 2), Uint8Array.of(0xa8, 0), Buffer.alloc(8)]);
      return signMessage(bare, { name: 'acme', algorithm: 'hmac-sha256', secret: options.secret }, fakeClock().now())
        .signed;
    };
    await expect(connect(unbound).write(zone, adding(), signal)).rejects.toMatchObject({ code: 'dns/bad-answer' });
  });
});

describe('the server', () => {
  const unreachable =
    (tried: unknown[]): Exchange =>
    (server) => {
      tried.push(server);
      return Promise.reject(
        fail('dns/lookup-failed', { server: server.address, question: 'a message', reason: 'gone' }),
      );
    };

  it('is tried at each of its addresses', async () => {
    const tried: unknown[] = [];
    const provider = connect(unreachable(tried), { server: 'ns1.example.com:5353' }, ['2001:db8::1', '192.0.2.1']);
    await expect(provider.write(zone, adding(), signal)).rejects.toMatchObject({
      code: 'dns/unreachable',
      message: expect.stringContaining('ns1.example.com:5353'),
    });
    expect(tried).toEqual([
      { address: '2001:db8::1', port: 5353 },
      { address: '192.0.2.1', port: 5353 },
    ]);
  });

  const failing = (code: string | undefined) =>
    fail(
      'dns/lookup-failed',
      { server: '', question: 'a message', reason: code ?? 'timed out' },
      { cause: code === undefined ? undefined : Object.assign(new Error(code), { code }) },
    );

  it.each([
    ['refuses the connection', ['ECONNREFUSED'], true],
    ['has no route', ['ENETUNREACH', 'EHOSTUNREACH'], true],
    ['is silent', [undefined], false],
    ['cuts the connection', ['ECONNRESET'], false],
    ['is silent at one address', [undefined, 'ECONNREFUSED'], false],
    ['is silent at another address', ['ECONNREFUSED', undefined], false],
  ])('that %s: the error says whether it may have the update', async (_what, codes, proves) => {
    const errors = codes.values();
    const provider = connect(async () => Promise.reject(failing(errors.next().value)), {}, codes.map(String));
    const error: unknown = await provider.write(zone, adding(), signal).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'dns/unreachable' });
    expect(neverArrived(error)).toBe(proves);
  });

  it.each(['ns1.example.com', 'ns1.example.com:53', '192.0.2.53:53', '2001:db8::53', '[2001:db8::53]:53'])(
    'may be %s',
    (server) => {
      expect(rfc2136.options.safeParse({ ...options, server }).success).toBe(true);
    },
  );

  it.each(['', 'ns1.example.com:0', 'ns1.example.com:70000', 'http://ns1', '[::1', 'a b'])(
    'may not be %j',
    (server) => {
      expect(rfc2136.options.safeParse({ ...options, server }).success).toBe(false);
    },
  );
});

describe('the options', () => {
  it('take the whole key, as tsig-keygen prints it', async () => {
    const sent: { server: unknown; message: Uint8Array }[] = [];
    const printed = `key "acme" {\n\talgorithm hmac-sha256;\n\tsecret "${secret}";\n};\n`;
    for (const text of [secret, printed, printed.replaceAll('\n', '')])
      await connect(record(sent), { secret: new Secret(text) })
        .write(zone, adding(), signal)
        .catch(() => {});
    expect(sent).toHaveLength(3);
    expect(sent[1]).toEqual(sent[0]);
    expect(sent[2]).toEqual(sent[0]);
  });

  it('require server, key name and secret only', () => {
    const { server, keyName } = options;
    const parsed = rfc2136.options.parse({ server, keyName, secret: options.secret });
    expect(parsed).toMatchObject({ algorithm: 'hmac-sha256', ttl: 60, transport: 'tcp' });
    expect(rfc2136.options.safeParse({ server, keyName }).success).toBe(false);
  });

  it.each(['key "acme" { secret ""; };', 'not base64!'])('refuse the secret %j without showing it', async (text) => {
    const { server, keyName } = options;
    const settings = { type: 'rfc2136', server, keyName, secret: text };
    const problem =
      'the TSIG secret is not base64: give the text between the quotes of `secret`, or all that `tsig-keygen` prints';
    // As a page of a connection, and as a file that names no file.
    const problems = checkOptions(rfc2136, markAsWritten(settings), {}, { base: [] });
    expect(problems).toMatchObject([{ path: ['secret'], message: `secret: ${problem}` }]);
    expect(inLanguage(problems[0]!.message, 'zh')).toContain('TSIG 机密不是 base64');
    // It may have been typed as a flag, of which `config check` knows nothing.
    await expect(
      resolveOptions(rfc2136, settings, {
        env: {},
        files: { read: async () => undefined, stat: async () => undefined },
      }),
    ).rejects.toMatchObject({
      message: `rfc2136: secret: ${problem}`,
      hint: expect.stringMatching(/the flag, the variable CERTFLEET_RFC2136_SECRET/),
    });
  });
});

describe('the options of other clients', () => {
  it.each([
    [
      'certbot’s file',
      { credentials: '/certbot.ini' },
      {},
      { server: '192.0.2.1', port: 5353, keyName: 'keyname.', algorithm: 'hmac-sha512' },
    ],
    [
      'lego’s variables',
      {},
      {
        ...{ RFC2136_NAMESERVER: '127.0.0.1:5353', RFC2136_TSIG_KEY: 'lego', RFC2136_TSIG_SECRET: secret },
        RFC2136_TSIG_ALGORITHM: 'hmac-sha512.',
      },
      { server: '127.0.0.1:5353', keyName: 'lego', algorithm: 'hmac-sha512' },
    ],
  ])('come from %s', async (_what, settings, env, expected) => {
    const ini = `# Target DNS server (IPv4 or IPv6 address, not a hostname)
dns_rfc2136_server = 192.0.2.1
dns_rfc2136_port = 5353
dns_rfc2136_name = keyname.
dns_rfc2136_secret = ${secret}
dns_rfc2136_algorithm = HMAC-SHA512
dns_rfc2136_sign_query = false
`;
    const files = {
      read: async () => new TextEncoder().encode(ini),
      stat: async () => undefined,
    };
    const { options: read } = await resolveOptions(rfc2136, { type: 'rfc2136', ...settings }, { env, files });
    expect(read).toMatchObject(expected);
    expect(read.secret.reveal()).toBe(secret);
  });

  it('send the update to the port of their own', async () => {
    const sent: { server: unknown; message: Uint8Array }[] = [];
    await connect(record(sent), { port: 5353 })
      .write(zone, adding(), signal)
      .catch(() => {});
    expect(sent[0]?.server).toEqual({ address: '192.0.2.53', port: 5353 });
  });

  it.each([
    [`key "acme" {\n\talgorithm hmac-sha512;\n\tsecret "${secret}";\n};\n`, 'hmac-sha512'],
    [`// of BIND\nkey acme { secret ${secret}; algorithm "HMAC-SHA256."; };`, 'hmac-sha256'],
    [`key acme. {\nsecret "${secret}";\n};`, 'hmac-sha256'],
  ])('come from a key file of BIND: %j', async (file, algorithm) => {
    const stat = async () => undefined;
    const files = { read: async () => new TextEncoder().encode(file), stat };
    const settings = { type: 'rfc2136', server: 'ns1.example.com' };
    for (const { more, env } of [
      { more: { credentials: '/acme.key' }, env: {} },
      { more: {}, env: { NSUPDATE_KEY: '/acme.key' } },
    ]) {
      const { options: read } = await resolveOptions(rfc2136, { ...settings, ...more }, { env, files });
      expect(read).toMatchObject({ keyName: expect.stringMatching(/^acme\.?$/), algorithm });
      expect(read.secret.reveal()).toBe(secret);
    }
  });
});
