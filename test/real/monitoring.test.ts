import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { type Bench, onlyCertificate, rewriteLineage, startBench } from '../support/e2e.ts';
import { findProgram, freePort, repositoryRoot, startService, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

// What the package has for Prometheus and Grafana, and Prometheus itself, which watches `certfleet run`.

const example = (name: string) => join(repositoryRoot, 'examples/prometheus', name);

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}

const expressionsOf = async (): Promise<readonly string[]> => {
  const { panels } = JSON.parse(await readFile(example('grafana-dashboard.json'), 'utf8')) as Dashboard;
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
};

describeWith(['prometheus', 'promtool', 'pebble', 'haproxy', ...bindPrograms], 'Prometheus', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench();
  });

  it('reads the rules and the expressions of the dashboard', async () => {
    const folder = await temporaryFolder('rules');
    const rules = (await expressionsOf()).map((expr, index) => ({ record: `panel_${index}`, expr }));
    expect(rules.length).toBeGreaterThan(10);
    const file = join(folder, 'dashboard.yml');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const promtool = (...args: readonly string[]) => spawnSync(findProgram('promtool')!, args, { encoding: 'utf8' });
    const checked = promtool('check', 'rules', example('certfleet.rules.yml'), file);
    expect(checked.status, checked.stdout + checked.stderr).toBe(0);
    expect(checked.stdout).toContain('SUCCESS: 7 rules found');
  });

  it('scrapes certfleet run, knows all that rules and dashboard need, and alerts before an expiry', async () => {
    const [port, ownPort] = [await freePort(), await freePort()];
    const folder = await temporaryFolder('prometheus');
    const token = join(folder, 'certfleet.token');
    await writeFile(token, 'a long token\n'.replaceAll(' ', '-'), { mode: 0o600 });
    const home = await bench.home(onlyCertificate('abc'));
    expect((await home.certfleet(['issue', 'abc'])).status).toBe(0);
    // The CA has been away for weeks.
    const at = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    await rewriteLineage(home.store, 'abc', (lineage) => ({
      ...lineage,
      current: { ...lineage.current!, facts: { ...lineage.current!.facts, notBefore: at(-85), notAfter: at(5) } },
      renewal: { ...lineage.renewal!, at: at(-25) },
    }));
    await home.configure((one) => ({
      ...one,
      listen: { address: `127.0.0.1:${port}`, token: `file:${token}` },
      issuers: { pebble: { ...(one['issuers'] as { pebble: object }).pebble, directory: 'https://127.0.0.1:1/dir' } },
    }));
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const daemon = home.certfleet(['run'], { killWhen: stopped, killWith: 'SIGTERM' });
    onTestFinished(async () => {
      stop();
      await daemon;
    });
    const isReady = async () => (await home.certfleet(['health', '--ready'])).status === 0;
    await until(isReady, { what: 'certfleet is ready', everyMs: 200 });

    const settings = (await readFile(example('prometheus.yml'), 'utf8'))
      .replace('["web-1:9110", "web-2:9110"]', `["127.0.0.1:${port}"]`)
      .replace('scrape_interval: 30s', 'scrape_interval: 1s')
      .concat('\nglobal: { evaluation_interval: 1s }\n');
    await writeFile(join(folder, 'prometheus.yml'), settings);
    await writeFile(join(folder, 'certfleet.rules.yml'), await readFile(example('certfleet.rules.yml')));
    await startService({
      name: 'prometheus',
      program: findProgram('prometheus')!,
      args: [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${ownPort}`,
      ],
      ready: async () => (await fetch(`http://127.0.0.1:${ownPort}/-/ready`).catch(() => undefined))?.ok === true,
    });
    const get = async (path: string) =>
      ((await (await fetch(`http://127.0.0.1:${ownPort}/api/v1/${path}`)).json()) as { data: unknown }).data;
    const firing = async () =>
      ((await get('alerts')) as { alerts: readonly { labels: { alertname: string }; state: string }[] }).alerts
        .filter(({ state }) => state === 'firing')
        .map(({ labels }) => labels.alertname);
    await until(async () => (await firing()).includes('CertfleetCertificateOverdue'), { what: 'the rule fires' });

    // A misspelt metric would never alert.
    const known = new Set((await get('label/__name__/values')) as readonly string[]);
    const used = `${await readFile(example('certfleet.rules.yml'), 'utf8')} ${(await expressionsOf()).join(' ')}`;
    const names = new Set(used.match(/\b(?:certfleet|process)_[a-z_]+/g));
    expect([...names].filter((name) => !known.has(name))).toEqual([]);
    expect(names.size).toBeGreaterThan(8);
    const named = (await get('query?query=certfleet_certificate_expiry_timestamp_seconds')) as {
      result: readonly object[];
    };
    expect(named.result).toEqual([
      expect.objectContaining({ metric: expect.objectContaining({ certificate: 'abc', job: 'certfleet' }) }),
    ]);
    stop();
    const ended = await daemon;
    expect([ended.status, ended.stdout]).toEqual([0, '']);
    expect(ended.stderr).toMatch(/Z it takes care of the certificates from now on\n/);
    expect(ended.stderr).toMatch(
      /Z error: abc: .*127\.0\.0\.1:1.*\n {2}It is tried again at .*More: certfleet explain acme\//,
    );
    expect((await home.certfleet(['health'])).status).toBe(4);
  });
});
