import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { exampleName, exampleSocket } from '../../scripts/api-page.ts';
import * as ofCertificates from '../../src/api/contract/certificates.ts';
import * as ofFleet from '../../src/api/contract/fleet.ts';
import * as ofPeople from '../../src/api/contract/people.ts';
import { type ApiDaemon, apiPlaces, followEvents, type ServerEvent, startApiDaemon } from '../support/api-daemon.ts';
import { type Home, startBench } from '../support/e2e.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

describeWith(['pebble', 'haproxy', 'named', 'curl'], 'the API of a daemon', () => {
  let daemon: ApiDaemon;
  let home: Home;
  beforeAll(async () => {
    const bench = await startBench();
    home = await bench.home();
    const places = await apiPlaces(home.folder);
    await home.configure((configuration) => ({ ...configuration, pages: { ...places.pages, keyDownload: true } }));
    daemon = await startApiDaemon(home, places);
    for (const name of ['abc', 'wildcard']) await rested(name, 'valid');
  });

  const detailOf = async (name: string) => (await daemon.ask('GET', `/certificates/${name}`)).json;
  const serialOf = async (name: string): Promise<string> => (await detailOf(name)).status.serial;

  /** Waits until nothing works on a certificate, and it is in a state. */
  const rested = (name: string, state: string) =>
    until(
      async () => {
        const detail = await detailOf(name);
        return detail.state === state && detail.run === undefined && detail;
      },
      { what: `${name} is ${state}`, deadlineMs: 90_000, everyMs: 100 },
    );

  it('answers as its description says', async () => {
    for (const [path, shape] of [
      ['/certificates', ofCertificates.list],
      ['/certificates/abc', ofCertificates.detail],
      ['/certificates/abc/history', ofCertificates.history],
      ['/certificates/abc/path', ofCertificates.path],
      ['/overview', ofFleet.overview],
      ['/nodes', ofFleet.nodes],
      ['/alarms', ofFleet.alarms],
      ['/limits', ofFleet.limits],
      ['/plan?until=100d', ofFleet.plan],
      ['/users', ofPeople.users],
      ['/tokens', ofPeople.tokens],
      ['/audit', ofPeople.audit],
    ] as const) {
      const { status, json } = await daemon.ask('GET', path);
      const { error } = shape.safeParse(json);
      expect([path, status, error?.issues]).toEqual([path, 200, undefined]);
    }
    const { paths } = (await daemon.ask('GET', '/certificates/abc/path')).json;
    expect(paths[0]).toMatchObject({ identifier: 'abc.example.test', challenge: 'http-01' });
    const { certificates } = (await daemon.ask('GET', '/plan?until=100d')).json;
    expect(certificates.map(({ certificate }: { certificate: string }) => certificate).toSorted()).toEqual([
      'abc',
      'wildcard',
    ]);
  });

  it('says that a certificate has not changed', async () => {
    const { headers } = await daemon.ask('GET', '/certificates/abc');
    const again = (etag: string) => daemon.ask('GET', '/certificates/abc', { headers: { 'if-none-match': etag } });
    expect(await again(headers.etag!)).toMatchObject({ status: 304, text: '', headers: { etag: headers.etag } });
    expect((await again(`"x", W/${headers.etag}`)).status).toBe(304);
    expect((await again('"x"')).status).toBe(200);
  });

  it('orders once for two clicks at the same time, and refuses what was seen before', async () => {
    const before = await rested('abc', 'valid');
    const { etag } = (await daemon.ask('GET', '/certificates/abc')).headers;
    const click = () => daemon.ask('POST', '/certificates/abc/renew', { headers: { 'if-match': etag! } });
    const clicks = await Promise.all([click(), click()]);
    expect(clicks.map(({ status, json }) => [status, json.code]).toSorted()).toEqual([
      [202, undefined],
      [409, 'lineage/at-work'],
    ]);
    await until(async () => (await serialOf('abc')) !== before.status.serial, { what: 'abc is renewed' });
    const runs = async () =>
      (await detailOf('abc')).runs.filter(({ trigger }: { trigger: string }) => trigger === 'renew').length;
    // It is written after the certificate.
    await until(async () => (await runs()) > 0, { what: 'the history has it' });
    await rested('abc', 'valid');
    expect(await runs()).toBe(1);
    const late = await until(
      async () => {
        const answer = await click();
        return answer.status !== 409 && answer;
      },
      { what: 'nothing works on abc', everyMs: 100 },
    );
    expect([late.status, late.json.code]).toEqual([412, 'lineage/changed']);
  });

  it('delivers again, goes back, and revokes, and writes down who asked', async () => {
    const token = await daemon.makeToken({ name: 'ops', role: 'operator' });
    const act = async (action: string, body?: object) => {
      const path = `/certificates/wildcard/${action}`;
      const answer = await until(
        async () => {
          const answered = await daemon.ask('POST', path, { token, ...(body ? { body } : {}) });
          return answered.status !== 409 && answered;
        },
        { what: 'nothing works on it', everyMs: 200 },
      );
      expect(answer).toMatchObject({ status: 202, json: { name: 'wildcard', action } });
    };
    const runs = async () => (await daemon.ask('GET', '/certificates/wildcard/history')).json.runs;
    const first = await serialOf('wildcard');
    const count = (await runs()).length;
    await act('renew');
    await until(async () => (await serialOf('wildcard')) !== first, { what: 'it is renewed' });
    await rested('wildcard', 'valid');
    await act('deploy');
    await until(async () => (await runs()).length >= count + 2, { what: 'it is delivered again' });
    await rested('wildcard', 'valid');
    await act('rollback');
    await until(async () => (await serialOf('wildcard')) === first, { what: 'it is back' });
    await rested('wildcard', 'valid');
    await act('revoke', { reason: 'superseded' });
    await rested('wildcard', 'revoked');
    const { entries } = (await daemon.ask('GET', '/audit?limit=500')).json;
    const mine = entries
      .filter(({ who, result }: Record<string, string>) => who === 'ops' && result === 'done')
      .toReversed();
    expect(
      mine.map(({ what, object, via, detail, result }: Record<string, string>) => [what, object, via, detail, result]),
    ).toEqual([
      ['certificate.renew', 'wildcard', 'token', undefined, 'done'],
      ['certificate.redeploy', 'wildcard', 'token', undefined, 'done'],
      ['certificate.rollback', 'wildcard', 'token', undefined, 'done'],
      ['certificate.revoke', 'wildcard', 'token', 'superseded', 'done'],
    ]);
  });

  it('hands a private key to administrators, as a file that nothing keeps, and nowhere else', async () => {
    await rested('abc', 'valid');
    const ask = (token?: string) => daemon.ask('POST', '/certificates/abc/key', token === undefined ? {} : { token });
    const [operator, scoped, token] = await Promise.all([
      daemon.makeToken({ name: 'key-operator', role: 'operator' }),
      daemon.makeToken({ name: 'key-scoped', role: 'admin', scope: ['abc'] }),
      daemon.makeToken({ name: 'key-admin', role: 'admin' }),
    ]);
    expect([await ask(operator), await ask(scoped)].map(({ status, json }) => [status, json.code])).toEqual([
      ...[
        [403, 'access/role'],
        [403, 'access/some-certificates'],
      ],
    ]);
    for (const given of [token, undefined]) {
      const { status, headers, text } = await ask(given);
      expect([status, headers['content-type'], headers['cache-control'], headers['content-disposition']]).toEqual([
        ...[200, 'application/x-pem-file', 'no-store', 'attachment; filename="abc.pem"'],
      ]);
      expect(new X509Certificate(text).checkPrivateKey(createPrivateKey(text))).toBe(true);
    }
    const { entries } = (await daemon.ask('GET', '/audit?limit=500')).json;
    const mine = entries
      .filter(
        ({ what, object }: Record<string, string>) =>
          what === 'certificate.key' || object === 'POST /api/v1/certificates/abc/key',
      )
      .toReversed();
    expect(mine.map(({ who, result }: Record<string, string>) => [who, result])).toEqual([
      ...[
        ['key-operator', 'refused'],
        ['key-scoped', 'refused'],
      ],
      ...[
        ['key-admin', 'done'],
        ['socket', 'done'],
      ],
    ]);
    const { exports } = (await detailOf('abc')).status;
    expect(exports.map(({ to }: Record<string, string>) => to)).toEqual([
      ...['key-admin, by a download from 127.0.0.1', 'socket, by a download from socket'],
    ]);
    expect(daemon.said()).not.toMatch(/PRIVATE KEY/);
  });

  it('pauses and resumes at once, for the revision that was seen, and by whom', async () => {
    const before = await rested('abc', 'valid');
    const token = await daemon.makeToken({ name: 'pauser', role: 'operator', scope: ['abc'] });
    const change = (action: string, more: Parameters<typeof daemon.ask>[2] = {}) =>
      daemon.ask('POST', `/certificates/abc/${action}`, { token, ...more });
    const paused = await change('pause', {
      body: { reason: 'the proxy moves' },
      headers: { 'if-match': `"${before.revision}"` },
    });
    expect([paused.status, paused.json]).toEqual([200, { name: 'abc', action: 'pause' }]);
    const again = await change('pause', { headers: { 'if-match': `"${before.revision}"` } });
    expect([again.status, again.json.code]).toEqual([412, 'lineage/changed']);
    const detail = await rested('abc', 'paused');
    expect([detail.isPaused, detail.renewAt, detail.status.paused]).toMatchObject([
      ...[true, undefined, { by: 'pauser', reason: 'the proxy moves' }],
    ]);
    // Lists have it once the loop has seen it.
    const listed = async () => (await daemon.ask('GET', '/certificates?state=paused')).json.certificates;
    await until(async () => (await listed()).some(({ name }: { name: string }) => name === 'abc'), {
      what: 'the list',
    });
    const plan = (await daemon.ask('GET', '/plan')).json.certificates;
    const planned = plan.find(({ certificate }: { certificate: string }) => certificate === 'abc');
    expect(planned.steps).toMatchObject([{ action: 'none', why: 'paused' }]);
    // Someone who asks for it by name still gets it.
    expect((await change('renew')).status).toBe(202);
    await until(async () => (await serialOf('abc')) !== before.status.serial, { what: 'abc is renewed' });
    await rested('abc', 'paused');
    await until(async () => (await change('resume')).status === 200, { what: 'it is resumed', everyMs: 100 });
    await rested('abc', 'valid');
    expect((await change('pause', { body: { reason: 'x'.repeat(201) } })).status).toBe(400);
    const { entries } = (await daemon.ask('GET', '/audit?limit=500')).json;
    const mine = entries.filter(({ who, what, result }: Record<string, string>) => {
      return who === 'pauser' && result === 'done' && what !== 'certificate.renew';
    });
    expect(mine.toReversed().map(({ what, detail }: Record<string, string>) => [what, detail])).toEqual([
      ['certificate.pause', 'the proxy moves'],
      ['certificate.resume', undefined],
    ]);
  });

  it('tells of changes at once, each token of its own certificates, and again to those who come back', async () => {
    await rested('abc', 'valid');
    const token = await daemon.makeToken({ name: 'wild', role: 'operator', scope: ['wild*'] });
    const { json } = await daemon.ask('GET', '/certificates', { token });
    expect(json.certificates.map(({ name }: { name: string }) => name)).toEqual(['wildcard']);
    expect(json.total).toBeUndefined();
    for (const path of ['/certificates/abc', '/certificates/abc/history', '/certificates/abc/path'])
      expect((await daemon.ask('GET', path, { token })).json).toMatchObject({ status: 404, code: 'lineage/not-found' });
    const act = await daemon.ask('POST', '/certificates/abc/renew', { token });
    expect(act.json).toMatchObject({ status: 404, code: 'lineage/not-found' });

    const [all, own] = [followEvents(daemon), followEvents(daemon, { token })];
    onTestFinished(() => {
      for (const { end } of [all, own]) end();
    });
    await Promise.all([all.opened, own.opened]);
    const { sequence } = (await daemon.ask('GET', '/certificates')).json;
    expect((await daemon.ask('POST', '/certificates/abc/deploy')).status).toBe(202);
    const namesIn = (events: readonly ServerEvent[]) => events.flatMap(({ names }) => names);
    await until(() => namesIn(all.events).includes('abc'), { what: 'an event' });
    await rested('abc', 'valid');
    expect(namesIn(own.events)).not.toContain('abc');

    const back = followEvents(daemon, { lastEventId: sequence });
    onTestFinished(() => back.end());
    await until(() => back.events.length > 0, { what: 'what was missed' });
    expect(back.events[0]).toMatchObject({ event: 'changed', names: expect.arrayContaining(['abc']) });
  });

  it('shows what a killed command left as interrupted, or going on, within the time of its lease', async () => {
    await rested('abc', 'valid');
    let kill = () => {};
    const killed = new Promise<void>((resolve) => {
      kill = resolve;
    });
    const ran = home.certfleet(['renew', 'abc', '--force'], { killWhen: killed });
    const holder = await until(async () => (await detailOf('abc')).run?.holder as string | undefined, {
      what: 'the API shows the run of the command',
      everyMs: 20,
    });
    kill();
    expect((await ran).status).toBe('SIGKILL');
    const atMs = performance.now();
    await until(
      async () => {
        const { run } = await detailOf('abc');
        return run === undefined || run.isCutOff || run.holder !== holder;
      },
      { what: 'the run of the killed command is over' },
    );
    expect(performance.now() - atMs).toBeLessThan(30_000);
    await rested('abc', 'valid');
  });

  it('does what the examples of its reference say', async () => {
    const page = await readFile(new URL('../../docs/reference/api.md', import.meta.url), 'utf8');
    const examples = [...page.matchAll(/^### ((?:GET|POST|DELETE) \S+)\n.*?^```sh\n(.*?)^```$/gms)];
    expect(examples.length).toBe([...page.matchAll(/^### (GET|POST|DELETE) /gm)].length);
    for (const [, title, text] of examples) {
      // The file declares abc, so the store cannot. Connections have examples that need each other.
      if (/\/declared\/(certificates|\{section\})\/\{name\}/.test(title!)) continue;
      const script = text!.replaceAll(exampleSocket, daemon.socket).replaceAll(exampleName, 'abc');
      // The one before may still be at work.
      const { code, output } = await until(
        async () => {
          const ran = await sh(script);
          return (ran.code === 0 || !ran.output.includes('lineage/at-work')) && ran;
        },
        { what: `nothing works on abc: ${title}`, deadlineMs: 60_000, everyMs: 200 },
      );
      expect([title, code, code === 0 ? '' : output]).toEqual([title, 0, '']);
    }
    const isRevoked = async () =>
      (await detailOf('abc')).runs.some(
        ({ trigger, result }: Record<string, string>) => trigger === 'revoke' && result === 'done',
      );
    await until(isRevoked, { what: 'abc is revoked', everyMs: 100 });
  });
});

const sh = (script: string): Promise<{ readonly code: number; readonly output: string }> =>
  new Promise((resolve) => {
    execFile('sh', ['-euc', script], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` }),
    );
  });
