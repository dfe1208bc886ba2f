import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import {
  buildCertfleet,
  type Certfleet,
  type MovedClock,
  movedClock,
  outcomesOf,
  readLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { fingerprintOfFile, shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// nginx was reloaded but kept the old certificate. Once its reload works again, `renew` reloads it: what is pending is
// delivered again, with back-off, and not only checked.

stopAllAfterwards();

const name = 'www.example.test';

describeWith(['nginx', ...bindPrograms], 'an endpoint that serves the old certificate still', () => {
  let certfleet: Certfleet;
  let clock: MovedClock;
  let bind: Bind;
  let ca: AcmeCa;
  let nginx: Nginx;
  let webroot: string;
  beforeAll(async () => {
    webroot = await temporaryFolder('webroot');
    const httpPort = await freePort();
    [certfleet, clock, nginx, bind] = await Promise.all([
      buildCertfleet(),
      movedClock(),
      startNginx({ webroot, httpPort }),
      startBind({ zones: [{ name: 'example.test', records: ['www A 127.0.0.1'] }] }),
    ]);
    ca = await startAcmeCa({ clock, settings: { httpPort, dnsServer: bind.server } });
  });
  beforeEach(() => clock.reset());

  /** Issued and served; then renewed while the reload did nothing. */
  async function stillOld(deployer: 'nginx' | 'command') {
    const folder = await temporaryFolder('still-old');
    const [config, script, calls] = [join(folder, 'certfleet.yaml'), join(folder, 'reload'), join(folder, 'calls')];
    const [store, certs] = [join(folder, 'store'), join(folder, 'certs')];
    await mkdir(certs);
    await writeFile(calls, '');
    const write = async (lines: string) => {
      await writeFile(script, `#!/bin/sh\necho called >> ${calls}\n${lines}\n`);
      await chmod(script, 0o755);
    };
    const works = () => write(`exec ${nginx.reloadCommand.map((word) => `'${word}'`).join(' ')}`);
    const deployers =
      deployer === 'nginx'
        ? { web: { type: 'nginx', path: certs, test: nginx.testCommand, reload: [script] } }
        : {
            files: { type: 'files', path: certs },
            web: { type: 'command', run: [script], path: join(folder, 'hook') },
          };
    await writeFile(
      config,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { own: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } },
        solvers: { web: { type: 'http01-webroot', folders: [webroot] } },
        deployers,
        certificates: [
          { name, identifiers: [name], deploy: Object.keys(deployers), endpoints: [`${name}:${nginx.httpsPort}`] },
        ],
        preflight: { resolvers: [bind.server], http01Port: nginx.httpPort },
        deployTimeout: '1s',
      }),
    );
    const run = (...args: readonly string[]) => certfleet([...args, '--config', config], { clock });
    const served = async () => (await shakeHands(nginx.httpsPort, name)).fingerprint;
    const inFiles = () => fingerprintOfFile(join(certs, `live/${name}/cert.pem`));

    // nginx does not start with missing files, so the server block is added after the first delivery.
    await nginx.configure([]);
    await works();
    await run('issue');
    await nginx.configure([{ serverName: name, certificate: join(certs, `live/${name}`) }]);
    const [program, ...args] = nginx.reloadCommand;
    execFileSync(program, args, { stdio: 'ignore' });
    const first = await inFiles();
    await until(async () => (await served()) === first, { what: 'nginx serves it' });
    await nginx.settled();
    succeeded(await run('issue'));

    await write('exit 0');
    await writeFile(calls, '');
    const renewed = await run('renew', '--force', '--json');
    expect(renewed.status, renewed.stdout + renewed.stderr).toBe(6);
    expect(outcomesOf(renewed)).toEqual([expect.objectContaining({ result: 'pending', code: 'deploy/still-old' })]);
    const second = await inFiles();
    expect([second === first, await served()]).toEqual([false, first]);
    const orders = ca.accepted('newOrder');
    return {
      run,
      served,
      first,
      second,
      works,
      calls: async () => (await readFile(calls, 'utf8')).split('\n').filter(Boolean).length,
      newOrders: () => ca.accepted('newOrder') - orders,
      lineage: () => readLineage(store, name),
    };
  }

  const deployers = ['nginx', 'command'] as const;
  for (const deployer of sampled(deployers, 1, 'tries'))
    it(`waits longer after each failed try: ${deployer}`, async () => {
      const at = await stillOld(deployer);
      const calls: number[] = [];
      for (let minutes = 5; minutes <= 60; minutes += 5) {
        await clock.passTo(new Date(Date.now() + minutes * 60_000).toISOString());
        const ran = await at.run('renew');
        expect(ran.status, stderrOf(ran)).toBe(6);
        calls.push(await at.calls());
      }
      const [half = 0, all = 0] = [calls[5], calls.at(-1)];
      expect(all, calls.join(' ')).toBeGreaterThanOrEqual(3);
      expect(all - half, calls.join(' ')).toBeLessThan(half);
      expect(await at.served()).toBe(at.first);
    });

  for (const deployer of sampled(deployers, 1, 'reloads')) {
    it(`is reloaded by \`renew\` once its reload works again: ${deployer}`, async () => {
      const at = await stillOld(deployer);
      // From the second try on, it is not delivered every time cron runs.
      for (let pass = 1; pass <= 3; pass += 1) expect((await at.run('renew')).status).toBe(6);
      const before = await at.calls();
      expect(before).toBeLessThanOrEqual(2);

      await at.works();
      // The first pause of the back-off is a minute.
      await clock.passTo(new Date(Date.now() + 2 * 60_000).toISOString());
      const mended = await at.run('renew');
      succeeded(mended);
      expect(await at.calls()).toBe(before + 1);
      await until(async () => (await at.served()) === at.second, { what: 'nginx serves the new one' });
      expect(at.newOrders()).toBe(0);
      const { deployments } = await at.lineage();
      expect(Object.values(deployments).map(({ state }) => state)).not.toContain('pending');

      succeeded(await at.run('renew'));
      expect(await at.calls(), 'delivered once, not again').toBe(before + 1);
    });

    it(`is reloaded at once by \`issue\`: ${deployer}`, async () => {
      const at = await stillOld(deployer);
      await at.works();
      succeeded(await at.run('issue', name));
      await until(async () => (await at.served()) === at.second, { what: 'nginx serves the new one' });
      expect([await at.calls(), at.newOrders()]).toEqual([2, 0]);
    });
  }
});
