import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import type { ListenSettings } from '../../src/core/spec/spec.ts';
import { present } from '../../src/core/text/present.ts';
import { healthOf } from '../../src/daemon/health.ts';
import { serveHealth } from '../../src/daemon/health-server.ts';
import { createVitals, type KnownCertificate } from '../../src/engine/steady/vitals.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createStreams } from '../../src/lib/streams.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { storeWorld } from '../support/store-world.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

/** Serves the vitals of a process with these certificates. */
async function open(first: ListenSettings | undefined, certificates: readonly KnownCertificate[] = []) {
  const clock = fakeClock();
  const vitals = createVitals(clock);
  vitals.know(() => certificates);
  const state = { settings: first, secret: 'open' as string | undefined, isStopping: false, isHanging: false };
  const warnings: string[] = [];
  const stop = new AbortController();
  let isListening = false;
  const serving = serveHealth(
    {
      world: storeWorld({
        ...{ streams: createStreams(systemClock) },
        clock: {
          ...clock,
          sleep(...args) {
            isListening = true; // before its first sleep
            return clock.sleep(...args);
          },
        },
        log: { debug: () => {}, info: () => {}, warn: (message) => void warnings.push(message) },
      }),
      settings: () => present({ listen: state.settings }),
      composed: {
        async readSecret() {
          if (state.secret === undefined) throw new Error('there is no file');
          if (state.secret === 'hangs') {
            state.isHanging = true;
            await new Promise(() => {});
          }
          return new Secret(state.secret);
        },
      },
      health: () => healthOf(vitals, clock.monotonicMs(), state.isStopping),
      ...{ vitals, node: 'here', listens: vitals.listens },
    },
    stop.signal,
  );
  await Promise.race([serving, until(() => isListening, { what: 'it listens' })]);
  const close = async () => {
    stop.abort();
    await serving;
  };
  onTestFinished(close);
  return { clock, vitals, state, warnings, close };
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

function ask(
  place: number | string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const to = typeof place === 'number' ? { host: '127.0.0.1', port: place } : { socketPath: place };
  return new Promise((resolve, reject) => {
    const sent = request({ ...to, path, method, headers, agent: false }, (response) => {
      let text = '';
      response
        .on('data', (data) => (text += data))
        .on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    sent.on('error', reject).end(body);
  });
}

const certificate = (name: string, notAfterMs: number): KnownCertificate => ({
  ...{ name, isUndeclared: false, notAfterMs, renewMs: Number.NaN, overdueMs: notAfterMs },
  ...{ isFailing: false, isPaused: false, isPending: false },
});
const inDays = (days: number) => Date.now() + days * 86_400_000;

it('answers health checks by what the loop and the store do', async () => {
  const port = await freePort();
  const { vitals, clock, state } = await open({ address: `127.0.0.1:${port}` });
  const both = async () =>
    [await ask(port, '/healthz'), await ask(port, '/readyz?x=1')].map(({ status, body }) => [status, body]);
  expect(await both()).toEqual([
    [200, 'the certificates have not been read yet\n'],
    [503, 'the certificates have not been read yet\n'],
  ]);
  vitals.ready();
  vitals.turned(3_600_000);
  const well = [
    [200, 'ok\n'],
    [200, 'ok\n'],
  ];
  expect(await both()).toEqual(well);
  await clock.advance(3_600_000 + 60_000);
  expect(await both()).toEqual(well);
  await clock.advance(1);
  expect((await both()).map(([status]) => status)).toEqual([503, 503]);
  vitals.turns();
  vitals.turned(3_600_000);

  vitals.store('read', 'store /secret/place: input/output error');
  expect(await both()).toEqual([
    [503, 'the store cannot be read\n'],
    [503, 'the store cannot be read\n'],
  ]);
  vitals.store('read', undefined);
  vitals.store('write', 'no space left');
  expect((await both()).map(([status]) => status)).toEqual([200, 503]);
  vitals.store('write', undefined);
  state.isStopping = true;
  expect(await both()).toEqual([
    [200, 'it is stopping\n'],
    [503, 'it is stopping\n'],
  ]);
});

it('names certificates only for who has the token, which may change, and refuses everything else', async () => {
  const port = await freePort();
  const many = Array.from({ length: 1_200 }, (_, index) => certificate(`c${index}`, inDays(40 + index)));
  const { state, clock, vitals } = await open({ address: `127.0.0.1:${port}`, token: 'file:/token' }, many);
  vitals.alarmed(2);
  vitals.passEnded([{ certificate: 'c1', result: 'renewed', notAfter: '', message: '' }]);
  const named = ({ body }: Answer) => body.match(/^certfleet_certificate_expiry_timestamp_seconds\{/gm)?.length ?? 0;
  const get = (headers: Record<string, string>) => ask(port, '/metrics', { headers });

  const counted = await get({ host: 'evil.example' });
  expect([counted.status, named(counted)]).toEqual([200, 0]);
  for (const line of [
    'certfleet_certificates{state="valid"} 1200',
    'certfleet_outcomes_total{result="renewed"} 1',
    'certfleet_certificates_overdue 0',
    'certfleet_alarms_open 2',
    'certfleet_info{version=',
    'process_resident_memory_bytes',
    'process_cpu_user_seconds_total ',
  ])
    expect(counted.body).toContain(line);
  expect(counted.body).not.toContain('c1"');
  // The metrics are made at the first scrape, and the process has worked before.
  const [, cpu] = /^process_cpu_seconds_total (\S+)$/m.exec(counted.body) ?? [];
  expect(Number(cpu)).toBeGreaterThan(0.2);
  expect(Number(cpu)).toBeLessThanOrEqual(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6);
  const all = await get({ authorization: 'Bearer sesam' });
  expect(all).toEqual({ status: 401, body: 'wrong token\n' });
  state.secret = 'sesame';
  await clock.advance(5_000);
  expect(named(await get({ authorization: 'Bearer sesame' }))).toBe(1_000);
  expect((await get({ authorization: 'bearer sesame' })).body).toContain('{certificate="c999"}');
  expect((await get({ authorization: 'Basic sesame' })).status).toBe(401);

  const statuses = [
    await ask(port, '/'),
    await ask(port, '/metrics/'),
    await ask(port, '/../healthz'),
    await ask(port, '/healthz', { method: 'POST', body: 'x' }),
    await ask(port, '/healthz', { method: 'OPTIONS' }),
    await ask(port, '/healthz', { headers: { 'content-length': '1' }, body: 'x' }),
    await ask(port, '/healthz', { headers: { cookie: 'x'.repeat(9_000) } }),
    await ask(port, '/healthz', { method: 'HEAD' }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([404, 404, 404, 405, 405, 400, 431, 200]);
});

it('names certificates at a Unix socket, also where a dead process left one', async () => {
  const path = join(await temporaryFolder(), 'health.sock');
  // A child that is killed leaves its socket.
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(existsSync(path)).toBe(true);
  const { close } = await open({ address: `unix:${path}` }, [certificate('mine', inDays(40))]);
  expect((await ask(path, '/metrics')).body).toContain('{certificate="mine"}');
  await expect(open({ address: `unix:${path}` })).rejects.toMatchObject({
    message: expect.stringContaining('it is in use'),
  });
  await close();
  expect(existsSync(path)).toBe(false);
  await expect(open({ address: `unix:${path}/none/health.sock` })).rejects.toMatchObject({
    message: expect.stringContaining(`there is no folder ${path}/none`),
  });
  await symlink('/none', path);
  await expect(open({ address: `unix:${path}` })).rejects.toMatchObject({
    message: expect.stringContaining('a symbolic link is there, not a socket'),
  });
  await rm(path);
  await writeFile(path, 'a file of someone');
  await expect(open({ address: `unix:${path}` })).rejects.toMatchObject({
    ...{ code: 'config/cannot-listen', message: expect.stringContaining('a file is there, not a socket') },
  });
});

it('stops within seconds although a scrape is never read, and the token of another cannot be', async () => {
  const path = join(await temporaryFolder(), 'health.sock');
  const many = Array.from({ length: 1_000 }, (_, index) => certificate(`c${index}`.padEnd(200, 'x'), inDays(40)));
  const scrape = (to: string | number, more = '') => {
    const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(`GET /metrics HTTP/1.1\r\nHost: x\r\n${more}\r\n`.repeat(20));
    return socket;
  };
  const unread = await open({ address: `unix:${path}` }, many);
  const socket = scrape(path);
  await once(socket, 'data');
  socket.pause();

  const port = await freePort();
  const hanging = await open({ address: `127.0.0.1:${port}`, token: 'file:/token' });
  hanging.state.secret = 'hangs';
  await hanging.clock.advance(5_000);
  scrape(port, 'Authorization: Bearer open\r\n');
  await until(() => hanging.state.isHanging, { what: 'it asks for the token' });
  for (const { close } of [unread, hanging]) {
    const begunMs = performance.now();
    await close();
    expect(performance.now() - begunMs).toBeLessThan(7_000);
  }
});

it('says who has the port, and follows a change of the settings', async () => {
  const [taken, free] = [await freePort(), await freePort()];
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(taken, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  await expect(open({ address: `127.0.0.1:${taken}` })).rejects.toMatchObject({
    code: 'config/cannot-listen',
    message: `\`listen\` in the configuration: 127.0.0.1:${taken} cannot be used: the port is in use by node (pid ${process.pid})`,
  });

  const { state, clock, warnings, vitals } = await open(undefined);
  state.settings = { address: `127.0.0.1:${free}` };
  await clock.advance(5_000);
  await until(async () => (await ask(free, '/healthz').catch(() => undefined))?.status === 200, { what: 'it listens' });
  state.settings = { address: `127.0.0.1:${taken}` };
  await clock.advance(5_000);
  await until(() => warnings.length > 0, { what: 'it complains' });
  expect(warnings.join()).toMatch(/the port is in use by node.*; the place of before stays in use/);
  expect(vitals.cannotListen?.message).toBe(warnings[0]);
  expect((await ask(free, '/healthz')).status).toBe(200);
  // The token cannot be read while its file is written anew, and the port is free a little later.
  state.settings = { address: `127.0.0.1:${free}`, token: 'file:/token' };
  state.secret = undefined;
  await clock.advance(5_000);
  await until(() => warnings.length > 1, { what: 'it complains about the token' });
  expect((await ask(free, '/healthz')).status).toBe(200);
  state.settings = { address: `127.0.0.1:${taken}`, token: 'file:/token' };
  state.secret = 'open';
  other.close();
  await clock.advance(5_000);
  await until(async () => (await ask(taken, '/healthz').catch(() => undefined))?.status === 200, {
    what: 'it listens at the other port',
  });
  expect(vitals.cannotListen).toBeUndefined();
  state.settings = undefined;
  await clock.advance(5_000);
  await until(async () => (await ask(taken, '/healthz').catch(() => undefined)) === undefined, { what: 'it ends' });
});

describeWith(['promtool'], 'metrics', () => {
  it('are as promtool wants them', async () => {
    const port = await freePort();
    const { vitals } = await open({ address: `127.0.0.1:${port}` }, [certificate('mine', inDays(40))]);
    const full = Object.assign(new Error('x'), { code: 'store/unusable' }) as never;
    vitals.alarmed(2);
    vitals.passEnded([{ certificate: 'c1', result: 'failed', message: '', error: full }]);
    const { body } = await ask(port, '/metrics');
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
  });
});
