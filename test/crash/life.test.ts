import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createIssuer } from '../../src/acme/issuer.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { createWorld } from '../../src/lib/world.ts';
import { itDrawn } from '../support/drawn.ts';
import { atEnd, freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { documents, liveFits, readLineage, resultOf, rewriteLineage } from './inspect.ts';
import {
  comesByChance,
  pointsTimeout,
  type Ran,
  type Rig,
  type RigConfig,
  recordedNames,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';

// SIGKILL before and after every effect of what happens to a certificate between two orders: another key for the account,
// the way back to the version before, hooks. `npm test` takes a seeded sample, `npm run test:long` all.

const quiet = { debug() {}, info() {}, warn() {} };
const { signal } = new AbortController();
const pointsOf = (names: readonly string[]) => names.flatMap((name) => [`${name}@before`, `${name}@after`]);

describeWith(['pebble', 'named', 'nsupdate', 'dig'], 'kill points between two orders', () => {
  let rig: Rig;
  /** The proxy that answers every challenge from its configuration: the thumbprint. */
  const proxy = { thumbprint: '' };
  stopAllAfterwards();
  beforeAll(async () => {
    rig = await startRig({ httpPort: await freePort() });
    const server = createServer(({ url = '' }, response) =>
      response.end(`${url.slice(url.lastIndexOf('/') + 1)}.${proxy.thumbprint}`),
    );
    await new Promise<void>((listening) => server.listen(rig.pebble.httpPort, '127.0.0.1', listening));
    atEnd(() => void server.close().closeAllConnections());
  });

  const stateless = (more: object = {}) => ({
    change: (config: RigConfig): RigConfig => ({
      ...config,
      solvers: { solve: { type: 'http01-stateless' } },
      certificates: config.certificates.map((one) => ({ ...one, ...more })),
    }),
  });
  const command = (state: State, stopAt: string | undefined, ...argv: readonly string[]) =>
    rig.run(state, {
      command: 'renew',
      argv: [...argv, '--config', state.config],
      ...(stopAt === undefined ? {} : { stopAt }),
    });
  const works = async (running: Promise<Ran>, what: string): Promise<Ran> => {
    const ran = await running;
    expect(ran.status, `${what}\n${ran.stderr}`).toBe(0);
    return ran;
  };
  /** Puts what `certfleet stateless` prints into the proxy. */
  const configure = async (state: State) => {
    const { stdout } = await works(command(state, undefined, 'stateless', '--json'), 'stateless');
    proxy.thumbprint = /"thumbprint":"([\w-]{43})"/.exec(stdout)?.[1] ?? '';
  };
  const issued = async (more: object = {}): Promise<State> => {
    const state = await rig.state('webroot', undefined, stateless(more));
    await configure(state);
    const ran = await works(rig.run(state, { command: 'issue' }), 'the first issue');
    expect(resultOf(ran), ran.stderr).toBe('issued');
    return state;
  };
  const renewed = async (state: State, what: string) => {
    const ran = await works(rig.run(state, { command: 'renew', force: true }), `${what}: the renewal`);
    expect(resultOf(ran), `${what}\n${ran.stderr}`).toBe('renewed');
  };
  /** The names of all effects of an undisturbed run. */
  const namesOf = async (state: State, ...argv: readonly string[]) => {
    const record = join(state.folder, 'effects');
    const ran = rig.run(state, { command: 'renew', argv: [...argv, '--config', state.config], record });
    await works(ran, 'the undisturbed run');
    return recordedNames(record);
  };
  /** Kills a run at a point; undefined if that does not come in four runs, and need not. */
  async function killed(
    point: string,
    make: () => Promise<State>,
    ...argv: readonly string[]
  ): Promise<State | undefined> {
    for (let tries = 4; ; tries -= 1) {
      const state = await make();
      const ran = await command(state, point, ...argv);
      if (ran.status === 'SIGKILL') return state;
      if (tries === 1 && ran.status === 0 && comesByChance(point)) return undefined;
      expect([ran.status, tries > 1], `${point}: was not reached\n${ran.stderr}`).toEqual([0, true]);
    }
  }
  const accountOf = async (state: State) => {
    const [account] = (await documents(state, 'account')).values();
    return account!.json as { keyPem: string; url: string; newKeys?: string[]; rolloverAt?: string };
  };

  itDrawn(
    'of a rollover, while a proxy answers',
    async () => {
      /** A rollover has begun, and the proxy has the new key. */
      const begun = async () => {
        const state = await issued();
        expect((await command(state, undefined, 'account', 'rollover')).stderr).toContain('the proxies do not answer');
        await configure(state);
        return state;
      };
      const names = await namesOf(await begun(), 'account', 'rollover');
      expect(names.some((name) => name.includes('/put/'))).toBe(true);
      for (const point of samplePoints(pointsOf(names), 1, 'rollover')) {
        let before = '';
        const make = async () => {
          const state = await begun();
          before = (await accountOf(state)).keyPem;
          return state;
        };
        const state = await killed(point, make, 'account', 'rollover');
        if (!state) continue;
        // A renewal waits, unless the rollover has ended.
        const isOver = (await accountOf(state)).rolloverAt === undefined;
        const renewal = await command(state, undefined, 'renew', '--force');
        expect([renewal.status, renewal.stderr.includes('is waiting for the key rollover')], point).toEqual(
          isOver ? [0, false] : [7, true],
        );
        // The same command goes on; if nothing was left to do, it would begin another one.
        if (!isOver) await works(command(state, undefined, 'account', 'rollover'), `${point}: rollover again`);
        const after = await accountOf(state);
        expect([after.rolloverAt, after.newKeys, after.keyPem === before], point).toEqual([
          undefined,
          undefined,
          false,
        ]);
        expect([await knows(before), await knows(after.keyPem)], `${point}: one key`).toEqual([undefined, after.url]);
        await renewed(state, point);
      }
    },
    pointsTimeout,
  );

  /** The account that has a key at the CA. */
  async function knows(keyPem: string): Promise<string | undefined> {
    const { directoryUrl, caFile } = rig.proxy;
    const { http, clock, random, close } = createWorld({ env: {}, log: quiet });
    const issuer = createIssuer({
      ...{ name: 'ca', directoryUrl, http: http({ caFile }), clock, random, userAgent: 'certfleet-test', log: quiet },
    });
    const only = { keyPem: new Secret(keyPem), contacts: [], agreeToTerms: true, onlyExisting: true };
    const found = await issuer.openAccount(only, signal).catch((error: { code?: string }) => {
      expect(error.code).toBe('acme/problem');
      return undefined;
    });
    await close();
    return found?.url;
  }

  it('of a rollback: the files are one version at any time', { timeout: pointsTimeout }, async () => {
    const template = await issued();
    await renewed(template, 'the second version');
    const copy = () => rig.state('webroot', template, stateless());
    const first = (await readLineage(template))!.previous!.id;
    for (const point of samplePoints(pointsOf(await namesOf(await copy(), 'rollback', 'abc')), 1, 'rollback')) {
      const state = await killed(point, copy, 'rollback', 'abc');
      if (!state) continue;
      expect(await isWhole(state), `${point}: what is deployed`).toBe(true);
      await works(rig.run(state, { command: 'renew' }), `${point}: the next run`);
      expect(await liveFits(state), `${point}: after the next run`).toBe(true);
      if ((await readLineage(state))!.current!.id === first) continue;
      await works(command(state, undefined, 'rollback', 'abc'), `${point}: the rollback again`);
      expect((await readLineage(state))!.current!.id, point).toBe(first);
      expect(await liveFits(state), `${point}: after the rollback`).toBe(true);
    }
  });

  itDrawn(
    'of a renewal with hooks: each runs, and the post-hook last',
    async () => {
      const template = await issued();
      await rewriteLineage(template, (lineage) => ({
        ...lineage,
        renewal: { at: '2020-01-01T00:00:00.000Z', source: 'lifetime', checkAfter: '2099-01-01T00:00:00.000Z' },
      }));
      let log = '';
      const copy = async () => {
        log = join(await temporaryFolder('hooks'), 'log');
        const hook = (name: string) => `echo ${name} >> ${log}`;
        const hooks = { pre: hook('pre'), post: hook('post'), deploy: hook('deploy') };
        return rig.state('webroot', template, stateless({ hooks }));
      };
      const logged = async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter(Boolean);
      const names = await namesOf(await copy(), 'renew');
      expect(await logged()).toEqual(['pre', 'deploy', 'post']);
      for (const point of samplePoints(pointsOf(names), 1, 'hooks')) {
        const state = await killed(point, copy, 'renew');
        if (!state) continue;
        await works(rig.run(state, { command: 'renew' }), `${point}: the next run`);
        const lines = await logged();
        expect(new Set(lines), `${point}: ${lines}`).toEqual(new Set(['pre', 'deploy', 'post']));
        expect(lines.lastIndexOf('post'), `${point}: ${lines}`).toBeGreaterThan(lines.lastIndexOf('pre'));
        expect(await liveFits(state), point).toBe(true);
      }
    },
    pointsTimeout,
  );
});

/** Whether what a server would load is one version: a certificate and its key, from one folder. */
async function isWhole(state: State): Promise<boolean> {
  const folder = join(state.live, 'live/abc');
  const [chain, key] = ['fullchain.pem', 'privkey.pem'].map((file) => join(folder, file)) as [string, string];
  const [certPem, keyPem] = await Promise.all([readFile(chain, 'utf8'), readFile(key, 'utf8')]);
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const ofCertificate = new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' });
  const folders = (await Promise.all([chain, key].map((path) => realpath(path)))).map((path) =>
    path.replace(/\/[^/]*$/, ''),
  );
  return spki.equals(ofCertificate) && folders[0] === folders[1];
}
