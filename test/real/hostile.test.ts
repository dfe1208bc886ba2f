import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readCsr } from '../support/acme-ca/certification-request.ts';
import { createAuthority } from '../support/acme-ca/issuance.ts';
import { bindPrograms } from '../support/bind.ts';
import { errorOf, exitOf, type SimulatedFleetBench, simulatedFleetBench } from '../support/fleet-bench.ts';
import { localHttps } from '../support/https.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// A CA that lies, and servers that only pretend to be one: nothing is written outside, nothing wrong is stored or
// deployed, and the private key is not revealed.

const dayMs = 86_400_000;

stopAllAfterwards();

describeWith(bindPrograms, 'a hostile CA', () => {
  let bench: SimulatedFleetBench;
  beforeAll(async () => {
    bench = await simulatedFleetBench();
  });
  beforeEach(() => {
    bench.proxy.clear();
    bench.proxy.forget();
  });

  const filesBelow = async (folder: string): Promise<readonly string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();

  const tokens = ['../../x', '../../../../../../../../tmp/certfleet-hostile', '', 'a/b', 'a\u0000b', '..'];
  for (const token of sampled(tokens, 2, 'tokens'))
    it(`writes nothing for the token ${JSON.stringify(token)}`, async () => {
      bench.proxy.fault({
        on: 'authorization',
        times: Number.POSITIVE_INFINITY,
        what: {
          type: 'rewrite',
          rewrite: (authorization) => ({
            ...authorization,
            challenges: authorization.challenges.map((challenge: object) => ({ ...challenge, token })),
          }),
        },
      });
      const home = await bench.home();
      const failed = await home.issueOne();
      expect(errorOf(failed).code).toBe('acme/malformed-answer');
      expect(failed.message).toContain('token');
      expect(exitOf(failed)).toBe(4);
      expect(await filesBelow(dirname(dirname(bench.webroot)))).toEqual([]);
      expect(existsSync('/tmp/certfleet-hostile')).toBe(false);
      expect(bench.proxy.seen('challenge')).toBe(0);
      expect(await filesBelow(home.live)).toEqual([]);
      expect(await home.documents('token')).toEqual([]);

      bench.proxy.clear();
      expect((await home.issueOne()).result).toBe('issued');
      expect(await home.documents('key')).toHaveLength(1);
    });

  describe('with a certificate that does not match', () => {
    interface Lie {
      readonly title: string;
      readonly otherKey?: true;
      /** Gets the ordered name. */
      readonly names?: (name: string) => readonly string[];
      readonly startsInMs?: number;
      readonly chain?: string;
      readonly says: RegExp;
    }
    const lies: readonly Lie[] = [
      { title: 'for another key', otherKey: true, says: /another key/ },
      { title: 'for another name', names: () => ['evil.example.test'], says: /does not name/ },
      { title: 'for one name more', names: (name) => [name, 'evil.example.test'], says: /also names evil\.example/ },
      { title: 'that has expired', startsInMs: -100 * dayMs, says: /expired at/ },
      { title: 'of the future', startsInMs: 10 * dayMs, says: /not valid before/ },
      { title: 'that is none', chain: 'nothing to see here\n', says: /cannot be read/ },
    ];

    /** Replaces the CA's next certificate by a wrong one before it can be fetched. */
    function lie({ otherKey, names, startsInMs = -3_600_000, chain }: Lie, name: string): void {
      const { certificates } = bench.ca.state;
      const before = new Set(certificates.keys());
      const swapped = (async () => {
        const honest = await until(() => [...certificates.values()].find((one) => !before.has(one.id)), {
          what: 'the CA has signed',
        });
        const finalize = bench.ca.requests.findLast((request) => request.kind === 'finalize');
        const { csr } = (finalize?.payload ?? {}) as { csr: string };
        const authority = createAuthority(new Date());
        const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
        const { pem } = authority.issue({
          spkiDer: otherKey
            ? theirs.export({ type: 'spki', format: 'der' })
            : readCsr(Buffer.from(csr, 'base64url')).spkiDer,
          identifiers: (names?.(name) ?? [name]).map((value) => ({ type: 'dns', value })),
          profile: { description: '', validityMs: 90 * dayMs },
          notBefore: new Date(Date.now() + startsInMs),
        });
        certificates.set(honest.id, { ...honest, chainPem: chain ?? pem + authority.intermediatePem });
      })();
      bench.proxy.fault({ on: 'certificate', what: { type: 'hold', when: 'before', until: swapped } });
    }

    for (const one of sampled(lies, 2, 'lies'))
      it(`refuses one ${one.title}, first and at a renewal`, async () => {
        const home = await bench.home();
        const [name = ''] = home.names;
        lie(one, name);
        const failed = await home.issueOne();
        expect(errorOf(failed).code).toBe('acme/wrong-certificate');
        expect(failed.message).toMatch(one.says);
        expect(exitOf(failed)).toBe(4);
        expect(await filesBelow(home.live)).toEqual([]);
        expect(await home.documents('version')).toEqual([]);
        const [refused] = await home.documents('key');
        expect((await home.lineage()).current).toBeUndefined();

        // Neither the order nor its key is used again.
        expect((await home.issueOne()).result).toBe('issued');
        const [key, ...others] = await home.documents('key');
        expect([key === refused, others]).toEqual([false, []]);
        expect(bench.proxy.accepted('newOrder')).toBe(2);

        const served = await readFile(join(home.live, 'live/abc/fullchain.pem'), 'utf8');
        const { current } = await home.lineage();
        lie(one, name);
        expect(errorOf(await home.issueOne({ force: true })).code).toBe('acme/wrong-certificate');
        expect(await readFile(join(home.live, 'live/abc/fullchain.pem'), 'utf8')).toBe(served);
        expect((await home.lineage()).current).toEqual(current);
        expect(await home.documents('version')).toEqual([key]);
        expect(await home.documents('key')).toHaveLength(2);
        expect((await home.issueOne({ force: true })).result).toBe('renewed');
        expect(await home.documents('key')).toHaveLength(2);
      });
  });

  for (const [hours, way] of [
    [2, 'ahead'],
    [-2, 'behind'],
  ] as const)
    it(`stops if its clock is two hours ${way}`, async () => {
      const date = new Date(bench.clock.now().getTime() + hours * 3_600_000).toUTCString();
      bench.proxy.fault({ on: 'directory', what: { type: 'headers', set: { date } } });
      const home = await bench.home();
      const failed = await home.issueOne();
      expect(errorOf(failed).code).toBe('acme/clock-skew');
      expect(failed.message).toMatch(/differs from .* by (119 minutes|2 hours)/);
      expect(exitOf(failed)).toBe(4);
      expect(bench.proxy.seen('newOrder')).toBe(0);
      // The Age of a cached copy is taken into account.
      const cached = new Date(bench.clock.now().getTime() - 2 * 3_600_000).toUTCString();
      bench.proxy.fault({ on: 'directory', what: { type: 'headers', set: { date: cached, age: '7200' } } });
      expect((await home.issueOne()).result).toBe('issued');
    });
});

// ── what is no CA at all ─────────────────────────────────────────────────────────────────────────────────────────────

interface Impostor {
  readonly url: string;
  readonly caFile: string;
  readonly paths: string[];
  /** Bytes of bodies that were passed to the kernel. */
  sent: number;
}

type Answer = (request: IncomingMessage, response: ServerResponse, impostor: Impostor) => void;

async function startImpostor(answer: Answer): Promise<Impostor> {
  const https = await localHttps();
  const server = createServer(
    { cert: await readFile(https.certFile), key: await readFile(https.keyFile) },
    (request, response) => {
      impostor.paths.push(request.url ?? '');
      answer(request, response, impostor);
    },
  );
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const impostor: Impostor = { url: `https://127.0.0.1:${port}`, caFile: https.caFile, paths: [], sent: 0 };
  return impostor;
}

describeWith(bindPrograms, 'what is no CA', () => {
  let bench: SimulatedFleetBench;
  beforeAll(async () => {
    bench = await simulatedFleetBench();
  });

  async function issueFrom(answer: Answer) {
    const impostor = await startImpostor(answer);
    const home = await bench.home({ directory: `${impostor.url}/directory`, caFile: impostor.caFile });
    const outcome = await home.issueOne();
    expect(exitOf(outcome)).toBe(4);
    // The solver was not even called.
    expect(await bench.challengeFiles()).toEqual([]);
    return { code: errorOf(outcome).code, message: outcome.message, impostor, home };
  }
  const json = { 'content-type': 'application/json' };

  it.each<[string, Answer, RegExp]>([
    ['a web page', (_q, r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'), /content type/],
    ['a page that is missing', (_q, r) => r.writeHead(404).end(), /HTTP 404/],
    ['other JSON', (_q, r) => r.writeHead(200, json).end('{"hello":"world"}'), /newNonce is missing/],
    ['a list', (_q, r) => r.writeHead(200, json).end('[1]'), /not a JSON object/],
    ['half a text', (_q, r) => r.writeHead(200, json).end('{"newNonce":'), /not JSON/],
    [
      'plain http in a directory over https',
      (_q, r) =>
        r.writeHead(200, json).end('{"newNonce":"http://a.test/","newAccount":"http://a.test/","newOrder":"x"}'),
      /not an https URL/,
    ],
  ])('is detected: %s', async (_title, answer, words) => {
    const { code, message, impostor } = await issueFrom(answer);
    expect(code).toBe('acme/not-a-directory');
    expect(message).toMatch(words);
    expect(impostor.paths.every((path) => path === '/directory')).toBe(true);
  });

  it('cannot redirect', async () => {
    const elsewhere = await startImpostor((_request, response) => response.writeHead(200).end());
    const redirect: Answer = (_request, response) =>
      response.writeHead(302, { location: `${elsewhere.url}/directory` }).end();
    const { code, message } = await issueFrom(redirect);
    expect(code).toBe('acme/not-a-directory');
    expect(message).toContain('HTTP 302');

    // A POST cannot either, because it was signed for one URL.
    const { directoryUrl } = bench.proxy;
    const home = await bench.home({ directory: directoryUrl });
    bench.proxy.fault({ on: 'newOrder', what: { type: 'status', status: 307, body: 'empty' } });
    const failed = await home.issueOne();
    expect(failed.message).toContain('HTTP 307');
    expect((await home.issueOne()).result).toBe('issued');
    expect(elsewhere.paths).toEqual([]);
  });

  it('cannot make the client read 100 MB', async () => {
    const size = 100 * 1024 * 1024;
    const block = Buffer.alloc(64 * 1024, ' ');
    /** A body with a length, or one in chunks without. */
    const flood =
      (headers: Record<string, string>): Answer =>
      (_request, response, impostor) => {
        response.writeHead(200, { ...json, ...headers });
        const more = () => {
          while (impostor.sent < size && !response.destroyed) {
            impostor.sent += block.length;
            if (!response.write(block)) return void response.once('drain', more);
          }
        };
        more();
      };
    for (const headers of [{}, { 'content-length': String(size) }]) {
      const { code, message, impostor } = await issueFrom(flood(headers));
      expect(code).toBe('acme/not-a-directory');
      expect(message).toContain('larger than');
      // What fitted into the kernel's buffers before the connection was closed.
      expect(impostor.sent).toBeLessThan(16 * 1024 * 1024);
    }
  });
});
