import { execFileSync } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { quickLooks, startLooking } from '../support/daemon.ts';
import { readLineage, startBench, succeeded } from '../support/e2e.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { startNginx } from '../support/nginx.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const name = 'www';
const host = 'www.example.test';
const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const;
describeWith(['pebble', 'nginx', 'haproxy', ...bindPrograms], 'what is served at several addresses', () => {
  it('is repaired at the one server on which somebody has put the old certificate back', async () => {
    const records = ['@ A 127.0.0.1', '* A 127.0.0.1', ...addresses.map((address) => `www A ${address}`)];
    const bench = await startBench({ bind: { zones: [{ name: 'example.test', records }] } });
    const folder = await temporaryFolder('drift');
    const [aFolder, bFolder, cFolder] = ['a', 'b', 'c'].map((one) => join(folder, one)) as [string, string, string];
    // They listen on the same port, each on its own address.
    const a = await startNginx();
    const b = await startNginx();
    const port = a.httpsPort;
    const bind = `bind ${addresses[2]}:${port} ssl strict-sni crt ${cFolder}`;
    const c = await startHaproxy({ certificates: cFolder, frontend: [bind] });
    const live = (root: string) => join(root, 'live', name);
    await a.configure([{ serverName: host, certificate: live(aFolder) }]);
    await b.configure(
      [],
      `server { listen ${addresses[1]}:${port} ssl; server_name ${host};
         ssl_certificate ${live(bFolder)}/fullchain.pem; ssl_certificate_key ${live(bFolder)}/privkey.pem; }`,
    );
    const nginx = (one: typeof a, path: string) => ({
      ...{ type: 'nginx', path, test: one.testCommand, reload: one.reloadCommand },
    });
    const home = await bench.home((configuration) => ({
      ...configuration,
      deployers: {
        a: nginx(a, aFolder),
        b: nginx(b, bFolder),
        c: { type: 'haproxy', socket: c.socket, certificates: cFolder },
      },
      certificates: [
        { name, identifiers: [host], solver: 'dns', deploy: ['a', 'b', 'c'], endpoints: [`${host}:${port}`] },
      ],
    }));
    const document = () => readLineage(home.store, name);
    const served = () => Promise.all(addresses.map((address) => shakeHands(port, host, address)));
    const isServedEverywhere = async () => {
      const { current, deployments, work } = await document();
      const isCurrent = Object.values(deployments).every(({ state }) => state === 'current');
      const all = await served();
      return (
        isCurrent && work === undefined && all.every(({ fingerprint }) => fingerprint === current?.facts.fingerprint)
      );
    };
    const files = ['fullchain.pem', 'privkey.pem'];
    const read = (folder: string, names: readonly string[]) =>
      Promise.all(names.map(async (file) => [join(folder, file), await readFile(join(folder, file))] as const));
    succeeded(await home.certfleet(['issue']));
    const oldOfB = await read(live(bFolder), files);
    const oldOfC = await read(cFolder, [`${name}.pem`]);
    succeeded(await home.certfleet(['renew', '--force']));
    const run = startLooking(home, quickLooks);
    const serves = (what: string) =>
      until(isServedEverywhere, { what: `${what}: ${run.said().slice(-3_000)}`, everyMs: 100 });
    await until(async () => run.said().includes('"run.ready"'), { what: 'it is ready' });
    await serves('the second version');

    const reloads = (one: typeof a) => one.log().split('reconfiguring').length;
    const [reloadsOfA, fileOfC] = [reloads(a), (await stat(join(cFolder, `${name}.pem`))).mtimeMs];
    // `cp` follows the links.
    for (const [file, content] of oldOfB) await writeFile(file, content);
    execFileSync(b.reloadCommand[0], b.reloadCommand.slice(1), { stdio: 'ignore' });
    await until(async () => run.said().includes('"code":"deploy/drifted"'), { what: 'it is noticed' });
    await serves('the second version again');
    expect(run.said()).toMatch(/no longer serves the current certificate of www; it serves 127\.0\.0\.2: /);
    // The other targets were not touched.
    expect([reloads(a), (await stat(join(cFolder, `${name}.pem`))).mtimeMs]).toEqual([reloadsOfA, fileOfC]);

    const reloadsOfB = reloads(b);
    for (const [file, content] of oldOfC) await writeFile(file, content);
    await c.restart();
    await until(async () => /it serves 127\.0\.0\.3: /.test(run.said()), { what: 'it is noticed' });
    await serves('the second version at all of them');
    expect([reloads(a), reloads(b)]).toEqual([reloadsOfA, reloadsOfB]);
  });
});
