import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { startDaemon } from '../support/daemon.ts';
import { type Bench, documents, type Home, readLineage, startBench, stderrOf, succeeded } from '../support/e2e.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

interface Answer {
  readonly status: number | undefined;
  readonly etag: string | undefined;
  readonly body: { readonly [field: string]: unknown };
}

describeWith(['pebble', 'haproxy', ...bindPrograms], 'certificates that are declared through the API', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench();
  });

  /** A home whose file declares no certificate, and whose pages are on a socket. */
  async function homeWithPages() {
    const home = await bench.home((standard) => ({ ...standard, certificates: [] }));
    const socketPath = join(home.folder, 'pages.sock');
    await home.configure((standard) => ({ ...standard, pages: { listen: `unix:${socketPath}` } }));
    const ask = (method: string, name: string, given: { body?: object; headers?: Record<string, string> } = {}) =>
      new Promise<Answer>((answer, reject) => {
        const body = given.body && JSON.stringify(given.body);
        const sent = request(
          {
            ...{ socketPath, method, path: `/api/v1/declared/certificates/${name}` },
            headers: {
              ...{ host: 'localhost', ...given.headers },
              ...(body && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
            },
          },
          (response) => {
            let text = '';
            response.on('data', (data) => (text += data));
            response.on('end', () =>
              answer({
                status: response.statusCode,
                etag: response.headers.etag,
                body: text === '' ? {} : JSON.parse(text),
              }),
            );
          },
        );
        sent.on('error', reject).end(body);
      });
    return { home, ask, socketPath };
  }

  const unissued = { current: undefined, deployments: {} };
  const issued = (home: Home, names: readonly string[]) =>
    until(
      async () => {
        const { current, deployments } = await readLineage(home.store, 'abc').catch(() => unissued);
        const isDone = current && Object.values(deployments).every(({ state }) => state === 'current');
        const has = current?.facts.identifiers.map(({ value }) => value).sort();
        return isDone && has?.join() === [...names].sort().join() && current;
      },
      { what: `abc is issued for ${names}` },
    );

  const abc = { identifiers: ['abc.example.test'], solver: 'web', deploy: ['edge'] };

  it('are looked at before they are declared, and nothing is ordered', async () => {
    const { home, ask } = await homeWithPages();
    const daemon = startDaemon(home);
    await daemon.saw('the pages are at');
    interface Check {
      readonly wrong: Readonly<Record<string, string>>;
      readonly names: readonly {
        readonly identifier: string;
        readonly state: string;
        readonly hops: readonly { readonly at: string; readonly state: string; readonly finding: string }[];
        readonly coveredBy: readonly { readonly name: string }[];
      }[];
      readonly outlook?: { readonly issuer: string; readonly isKnown: boolean };
    }
    const check = async (certificate: object) => {
      const { status, body } = await ask('POST', 'check', { body: { certificate } });
      expect(status).toBe(200);
      return body as unknown as Check;
    };
    const dns = await check({
      identifiers: ['example.test', '*.example.test', 'a b', 'x.not-ours.test'],
      solver: 'dns',
    });
    expect(Object.keys(dns.wrong)).toEqual(['identifiers.2']);
    const stateOf = Object.fromEntries(dns.names.map(({ identifier, state }) => [identifier, state]));
    expect(stateOf).toEqual({ 'example.test': 'well', '*.example.test': 'well', 'x.not-ours.test': 'broken' });
    const places = dns.names[0]!.hops.map(({ at }) => at);
    expect(places).toEqual(expect.arrayContaining(['zone', 'server', 'solver']));
    expect(dns.outlook).toMatchObject({ isKnown: false });

    // What answers on port 80 is asked by the path of the CA.
    const web = await check({ identifiers: ['abc.example.test', '*.example.test'], solver: 'web' });
    expect(Object.keys(web.wrong)).toEqual(['identifiers']);
    expect(web.names.map(({ identifier }) => identifier)).toEqual(['abc.example.test']);
    expect(web.names[0]!.hops.map(({ at }) => at)).toContain('answer');

    // Half a form: only which certificates there are.
    const half = await check({ identifiers: ['abc.example.test'] });
    expect(half.names).toEqual([{ identifier: 'abc.example.test', state: 'unseen', hops: [], coveredBy: [] }]);
    const many = Array.from({ length: 60 }, (_, at) => `n${at}.example.test`);
    const { names } = await check({ identifiers: many, solver: 'dns' });
    const unseen = names.filter(({ state }) => state === 'unseen').length;
    expect(unseen).toBeGreaterThan(10);
    expect(unseen).toBeLessThan(40);
    for (const kind of ['lineage', 'lock', 'declared', 'key', 'account'] as const)
      expect([kind, [...(await documents(home.store, kind)).keys()]]).toEqual([kind, []]);

    await ask('PUT', 'abc', { body: abc });
    const covered = await check({ identifiers: ['abc.example.test', 'def.example.test'], solver: 'dns' });
    expect(covered.names.map(({ coveredBy }) => coveredBy.map(({ name }) => name))).toEqual([['abc'], []]);
  });

  it('are issued, changed and undeclared by a process that keeps running', async () => {
    const { home, ask } = await homeWithPages();
    const daemon = startDaemon(home);
    await daemon.saw('the pages are at');
    const begunMs = Date.now();
    const made = await ask('PUT', 'abc', { body: abc, headers: { 'if-none-match': '*' } });
    expect(made).toMatchObject({ status: 200, body: { name: 'abc' } });
    await issued(home, ['abc.example.test']);
    expect(Date.now() - begunMs).toBeLessThan(20_000);
    expect((await readLineage(home.store, 'abc')).origin).toBe('configuration');
    expect(await ask('GET', 'abc')).toMatchObject({
      etag: made.etag,
      body: { certificate: abc, by: 'socket', isInFile: false },
    });

    // Who saw something older changes nothing.
    const more = { ...abc, identifiers: ['abc.example.test', 'def.example.test'] };
    expect(await ask('PUT', 'abc', { body: more, headers: { 'if-match': '"1"' } })).toMatchObject({ status: 412 });
    expect(await ask('PUT', 'abc', { body: more, headers: { 'if-none-match': '*' } })).toMatchObject({ status: 412 });
    expect(await ask('PUT', 'abc', { body: more, headers: { 'if-match': made.etag! } })).toMatchObject({ status: 200 });
    await issued(home, ['abc.example.test', 'def.example.test']);

    const refused = await ask('PUT', 'abc', {
      body: {
        ...abc,
        identifiers: ['a b'],
        issuer: 'nobody',
        deploy: ['files:/etc'],
        hooks: { deploy: 'touch /tmp/x' },
      },
    });
    expect(refused).toMatchObject({ status: 422, body: { code: 'config/declaration-refused' } });
    expect(refused.body['fields']).toEqual({
      ...{ 'deploy.0': expect.any(String), hooks: expect.any(String) },
      issuer: expect.stringContaining('"nobody"'),
      'identifiers.0': expect.stringContaining('a b'),
    });
    const { body: misspelt } = await ask('PUT', 'abc', { body: { ...abc, solvr: 'web', keyType: 'rsa1' } });
    expect(Object.keys(misspelt['fields'] as object).sort()).toEqual(['keyType', 'solvr']);

    expect((await ask('DELETE', 'abc')).status).toBe(204);
    expect((await ask('DELETE', 'abc')).status).toBe(404);
    await daemon.saw('no longer declared in the store, so not renewed: abc');
    const status = await home.certfleet(['status', '--json']);
    expect(status.stdout).toContain('"undeclared"');
    const audit = [...(await documents(home.store, 'audit')).values()].join();
    for (const what of ['certificate.declare', 'certificate.undeclare']) expect(audit).toContain(what);
  });

  it('are renewed by cron, and what is wrong with them stops nothing', async () => {
    const { home, ask } = await homeWithPages();
    const daemon = startDaemon(home);
    await daemon.saw('the pages are at');
    // Two processes take over what one of them has declared.
    expect(await ask('PUT', 'abc', { body: { ...abc, deploy: ['files'] } })).toMatchObject({ status: 200 });
    await issued(home, ['abc.example.test']);
    await daemon.stop();
    const first = (await readLineage(home.store, 'abc')).current!.id;

    const forced = await home.certfleet(['renew', '--force', '--json']);
    succeeded(forced);
    const second = (await readLineage(home.store, 'abc')).current!.id;
    expect(second).not.toBe(first);

    // The file no longer has what it names: it keeps the settings of before.
    const pages = { listen: `unix:${join(home.folder, 'pages.sock')}` };
    await home.configure(({ deployers: { edge }, ...standard }) => ({
      ...standard,
      pages,
      deployers: { edge: edge! },
    }));
    const kept = await home.certfleet(['renew', '--force']);
    succeeded(kept);
    expect(stderrOf(kept)).toContain('its declaration in the store is refused, so it keeps its settings of before');
    expect(stderrOf(kept)).not.toContain('no longer declared');
    expect((await readLineage(home.store, 'abc')).current!.id).not.toBe(second);

    // The file wins.
    await home.configure((standard) => ({
      ...standard,
      ...{ pages, certificates: [{ name: 'abc', identifiers: ['def.example.test'], solver: 'web', deploy: [] }] },
    }));
    succeeded(await home.certfleet(['renew']));
    expect((await readLineage(home.store, 'abc')).current!.facts.identifiers.map(({ value }) => value)).toEqual([
      'def.example.test',
    ]);
    const again = startDaemon(home);
    await again.saw('the pages are at');
    expect(await ask('PUT', 'abc', { body: abc })).toMatchObject({
      status: 409,
      body: { code: 'config/declared-in-file' },
    });
    expect((await ask('GET', 'abc')).body).toMatchObject({ isInFile: true });
    // With the file out of the way, the store's declaration stands again.
    await home.configure((standard) => ({ ...standard, pages }));
    await issued(home, ['abc.example.test']);
  });
});
