import { createPrivateKey, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import type { Kind } from '../../src/ports/store.ts';
import { bindPrograms } from '../support/bind.ts';
import {
  type Bench,
  changeCertificate,
  documents,
  filesBelow,
  type Home,
  type Ran,
  type RunOptions,
  startBench,
} from '../support/e2e.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The whole life of two certificates; afterwards no secret is in any output or visible to others.

stopAllAfterwards();

describeWith(['pebble', 'haproxy', ...bindPrograms], 'secrets', () => {
  let bench: Bench;
  let home: Home;
  const ran: (Ran & { readonly what: string })[] = [];
  const commandLines = new Set<string>();
  /** TSIG secrets, the right one and a wrong one. */
  const tsig: string[] = [];
  /** What the hooks of the `command` solver and deployer found in their environment. */
  let hookEnvironment = '';
  let log = '';

  beforeAll(async () => {
    bench = await startBench();
    // Long enough for the sampling to see it, even on a busy machine.
    const seen = join(bench.certificates, '..', 'environment');
    home = await bench.home((configuration) => ({
      ...configuration,
      deployers: {
        ...configuration.deployers,
        hook: { type: 'command', run: `env >> ${seen}; sleep 0.1`, path: join(bench.certificates, '..', 'hook') },
      },
      certificates: configuration.certificates.map((one) => ({ ...one, deploy: ['edge', 'files', 'hook'] })),
    }));
    const debug = { CERTFLEET_DEBUG: '1' };
    const step = async (expected: number, args: readonly string[], options: RunOptions = {}) => {
      const one = { what: args.join(' '), ...(await home.certfleet(args, { umask: '022', ...options })) };
      ran.push(one);
      expect(one.status, one.stdout + one.stderr).toBe(expected);
    };
    const sampling = sampleCommandLines(commandLines);
    log = join(home.folder, 'certfleet.log');
    await step(0, ['issue', '--quiet', '--log-file', log]);
    await step(0, ['renew', '--force', '--json'], { env: debug });
    await step(0, ['status', '--json']);
    await step(0, ['show', 'wildcard']);
    await step(0, ['config', 'check']);

    // A failing run with a wrong secret, from a file and from the environment; and an invalid secret.
    const wrong = randomBytes(32).toString('base64');
    const wrongFile = join(home.folder, 'wrong');
    await writeFile(wrongFile, wrong, { mode: 0o600 });
    const withSecret = (secret: string | undefined) =>
      home.configure((configuration) => {
        const dns = configuration.solvers['dns'] as { options: Record<string, string> };
        const { secret: _file, ...rest } = dns.options;
        const options = secret === undefined ? rest : { ...rest, secret };
        return { ...configuration, solvers: { ...configuration.solvers, dns: { ...dns, options } } };
      });
    await withSecret(`file:${wrongFile}`);
    await step(5, ['renew', '--force', '--name', 'wildcard'], { env: debug });
    await step(5, ['renew', '--force', '--name', 'wildcard', '--json'], { env: debug });
    await withSecret(undefined);
    const environment = { ...debug, CERTFLEET_RFC2136_SECRET: wrong };
    await step(5, ['issue', 'wildcard', '--force'], { env: environment });
    const bad = `${wrong.slice(0, 30)}!!!`;
    const noBase64 = { ...debug, CERTFLEET_RFC2136_SECRET: bad };
    await step(2, ['issue', 'wildcard', '--force'], { env: noBase64 });
    await home.configure((configuration) => configuration);

    // A delivery that fails while it has the key.
    await home.configure((configuration) => ({
      ...changeCertificate('abc', { deploy: ['edge', 'files', 'hook', 'shows'] })(configuration),
      deployers: {
        ...configuration.deployers,
        shows: {
          type: 'command',
          run: 'cat "$RENEWED_LINEAGE/privkey.pem" >&2; exit 3',
          path: join(home.folder, 'shows'),
        },
      },
    }));
    await step(6, ['renew', '--force', '--name', 'abc'], { env: debug });
    await home.configure((configuration) => configuration);
    await step(0, ['renew', '--force']);
    await sampling.stop();
    tsig.push(bench.bind.key.secret, wrong, bad);
    hookEnvironment = await readFile(seen, 'utf8');
  });

  it('no output, log or command line contains one', async () => {
    const secrets = new Map<string, string>();
    for (const secret of tsig)
      for (const form of formsOf(Buffer.from(secret, 'base64'))) secrets.set(form, 'TSIG secret');
    for (const secret of tsig) secrets.set(secret, 'TSIG secret');
    const keys = new Set<string>();
    for (const kind of ['account', 'key'] as const)
      for (const [name, text] of await documents(home.store, kind))
        for (const pem of privateKeysIn(text)) {
          keys.add(pem);
          for (const part of partsOf(pem)) secrets.set(part, `${kind} ${name}`);
        }
    // One account; of each certificate at least the first version and three renewals, as far as they are kept.
    expect(keys.size).toBeGreaterThanOrEqual(5);

    const places = new Map<string, string>([
      ...ran.flatMap((one, at): [string, string][] => [
        [`stdout of ${at} (${one.what})`, one.stdout],
        [`stderr of ${at} (${one.what})`, one.stderr],
      ]),
      ['command lines', [...commandLines].join('\n')],
      ['log of HAProxy', bench.haproxy.log()],
      ['log of BIND', bench.bind.service.log()],
      ['log of Pebble', bench.pebble.service.log()],
      ['environment of the hook', hookEnvironment],
      ['log file', readFileSync(log, 'utf8')],
    ]);
    for (const kind of ['lineage', 'version', 'meta', 'token', 'ledger', 'lock', 'history'] as readonly Kind[])
      for (const [name, text] of await documents(home.store, kind)) places.set(`document ${kind}/${name}`, text);
    const found = [...places].flatMap(([place, text]) =>
      [...secrets].filter(([secret]) => text.includes(secret)).map(([, whose]) => `${whose} in ${place}`),
    );
    expect(found).toEqual([]);
    expect(hookEnvironment).toContain('RENEWED_LINEAGE=');
    expect(hookEnvironment).not.toContain('CERTFLEET_');
  });

  it('the search would have found them, and saw the running program', async () => {
    const all = [...commandLines].join('\n');
    expect(all).toContain(`cli.cjs\0issue\0--quiet\0--log-file\0${log}\0--config\0${home.config}`);
    expect(all).toContain('/bin/sh\0-c\0env >> ');
    const files = [...(await filesBelow(home.store)).values()].map((bytes) => bytes.toString('latin1')).join('\n');
    const [pem] = [...(await documents(home.store, 'key')).values()].flatMap(privateKeysIn);
    const parts = partsOf(pem ?? '');
    expect(parts.some((part) => files.replaceAll('\\n', '\n').includes(part))).toBe(true);
    // There was debug output: the code of an error, and what caused it.
    expect(ran.filter(({ stderr }) => /^[\d:.]+ .*[a-z]+\/[a-z-]+, caused by /m.test(stderr)).length).toBeGreaterThan(
      0,
    );
  });

  it('the log file has each request to the CA, only its owner can read it, and it has no signature', async () => {
    const text = await readFile(log, 'utf8');
    const { origin } = new URL(bench.pebble.directoryUrl);
    for (const [method, path, status] of [
      ['GET', '/dir', 200],
      ['POST', '/sign-me-up', 201],
      ['POST', '/order-plz', 201],
    ])
      expect(text).toMatch(new RegExp(`^\\S+Z debug ${method} ${origin}${path}: ${status} in \\d+ ms$`, 'm'));
    expect(text).toMatch(/^\S+Z info {2}abc: asking \S+ to validate$/m);
    // A JWS, its parts and a nonce are long base64url texts; so are ids in URLs, which follow a slash.
    for (const word of text.match(/(?<![/\w-])[\w-]{40,}/g) ?? []) expect(word).toMatch(/^[a-z0-9-]+$/);
    expect(text).not.toMatch(/protected|signature|eyJ/);
    expect(((await stat(log)).mode & 0o777).toString(8)).toBe('600');
  });

  it('only their owner can read files that contain one, under any umask', async () => {
    const modes = async (folder: string) => {
      const found: Record<string, string> = {};
      for (const name of await readEntries(folder)) {
        const { mode } = await stat(join(folder, name));
        found[name] = (mode & 0o777).toString(8);
      }
      return found;
    };
    const kindOf = async (name: string) => ((await stat(join(home.store, name))).isDirectory() ? 'folder' : 'file');
    const wrong: string[] = [];
    const inStore = await modes(home.store);
    for (const [name, mode] of Object.entries(inStore))
      if (mode !== ((await kindOf(name)) === 'folder' ? '700' : '600')) wrong.push(`${name} ${mode}`);
    expect(wrong).toEqual([]);
    expect(Object.keys(inStore).length).toBeGreaterThan(20);
    expect(((await stat(home.store)).mode & 0o777).toString(8)).toBe('700');

    for (const name of ['abc', 'wildcard']) {
      const live = await modes(join(home.files, 'live', name));
      expect(live).toEqual({ 'cert.pem': '644', 'chain.pem': '644', 'fullchain.pem': '644', 'privkey.pem': '600' });
    }
    const edge = await modes(bench.certificates);
    expect(edge).toEqual({ 'abc.pem': '600', 'wildcard.pem': '600' });
    // All files with a key, including drafts and older versions.
    for (const folder of [home.folder, join(bench.certificates, '..')])
      for (const [file, bytes] of await filesBelow(folder))
        if (bytes.includes('PRIVATE KEY'))
          expect([file, ((await stat(file)).mode & 0o077).toString(8)]).toEqual([file, '0']);
  });
});

/** Reads the command line of every process, again and again, until stopped. */
function sampleCommandLines(found: Set<string>): { stop(): Promise<void> } {
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      for (const pid of readdirSync('/proc')) {
        if (!/^\d+$/.test(pid)) continue;
        try {
          found.add(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
        } catch {
          // It has ended.
        }
      }
      await wait(2); // a very short process may be missed, but certfleet runs a hundred times longer
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
    },
  };
}

const formsOf = (bytes: Buffer): readonly string[] => [
  bytes.toString('base64').replace(/=+$/, ''),
  bytes.toString('base64url'),
  bytes.toString('hex'),
];

/** Every PEM private key in a document's JSON. */
function privateKeysIn(text: string): readonly string[] {
  const found = text
    .replaceAll('\\n', '\n')
    .match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/g);
  if (!found) throw new Error('a document of an account or key holds no PEM; this test looks for nothing');
  return found;
}

/** The lines of a PEM, its DER without line ends, and the private number in each usual form. */
function partsOf(pem: string): readonly string[] {
  const key = createPrivateKey(pem);
  const jwk = key.export({ format: 'jwk' });
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const lines = pem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  // The first line is nearly the same in every P-256 key, but does not occur in other texts.
  return [
    ...lines.filter((line) => line.length >= 16),
    der.toString('base64'),
    der.toString('hex'),
    ...formsOf(Buffer.from(jwk.d ?? '', 'base64url')),
  ];
}

const readEntries = async (folder: string): Promise<readonly string[]> =>
  readdirSync(folder, { recursive: true }).map(String);
