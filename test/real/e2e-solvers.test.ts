import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type AcmeProxy, killedAt, startAcmeProxy } from '../support/acme-proxy.ts';
import { bindPrograms } from '../support/bind.ts';
import { declaredOf } from '../support/declared.ts';
import {
  type Bench,
  buildCertfleet,
  type Configuration,
  changeCertificate,
  documents,
  type Home,
  onlyCertificate,
  outcomesOf,
  readLineage,
  startBench,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// One certificate, one order, two solvers: the responder answers for a name, and BIND for a wildcard.

const wildcard = '*.sub.example.test';
const both = (configuration: Configuration): Configuration =>
  changeCertificate('abc', {
    identifiers: ['abc.example.test', { name: wildcard, solver: 'dns' }],
    deploy: ['files'],
    endpoints: [],
  })(onlyCertificate('abc')(configuration));

describeWith(['pebble', 'haproxy', ...bindPrograms], 'a certificate with two solvers', () => {
  stopAllAfterwards();
  let bench: Bench;
  let home: Home;
  let proxy: AcmeProxy;
  beforeAll(async () => {
    const records = ['@ A 127.0.0.1', 'abc A 127.0.0.1', '*.sub A 127.0.0.1'];
    bench = await startBench({ bind: { zones: [{ name: 'example.test', records }] } });
    const { directoryUrl, caFile } = bench.pebble;
    proxy = await startAcmeProxy({ directoryUrl, caFile });
    const issuer = { directory: proxy.directoryUrl, caFile: proxy.caFile, agreeToTerms: true, test: true };
    home = await bench.home((configuration) => ({ ...both(configuration), issuers: { pebble: issuer } }));
  });

  const challenges = async () => (await bench.bind.txt('example.test')).filter(({ name }) => name.startsWith('_acme'));
  const namesOf = async (file: string) =>
    new X509Certificate(await readFile(file)).subjectAltName?.replaceAll('DNS:', '').split(', ').sort();

  it('is checked, killed between present and accept, swept, and issued', async () => {
    succeeded(await home.certfleet(['config', 'check']));
    const killed = await killedAt(proxy, 'challenge', (killWhen) => home.certfleet(['issue'], { killWhen }));
    expect((await challenges()).length).toBe(1);
    expect(killed.status, killed.stdout + killed.stderr).toBe('SIGKILL');
    const { work } = await readLineage(home.store, 'abc');
    expect(work?.challenges.map(({ type, identifier }) => `${type} ${identifier}`).sort()).toEqual([
      `dns-01 ${wildcard}`,
      'http-01 abc.example.test',
    ]);
    const swept = await home.certfleet(['sweep']);
    succeeded(swept);
    expect(swept.stdout + swept.stderr).toContain(`the dns-01 challenge of ${wildcard}`);
    expect(swept.stdout + swept.stderr).toContain('the http-01 challenge of abc.example.test');
    expect([await challenges(), (await documents(home.store, 'token')).size]).toEqual([[], 0]);

    const ran = await home.certfleet(['renew', '--json']);
    succeeded(ran);
    expect(outcomesOf(ran)).toEqual([expect.objectContaining({ certificate: 'abc', result: 'issued' })]);
    expect(await namesOf(join(home.files, 'live/abc/cert.pem'))).toEqual([wildcard, 'abc.example.test']);
    expect([await challenges(), (await documents(home.store, 'token')).size]).toEqual([[], 0]);
    expect((await readLineage(home.store, 'abc')).tombstones).toBeUndefined();
  });

  it('is drawn and shown with the solver of each name', async () => {
    const drawn = await home.certfleet(['doctor', 'abc']);
    succeeded(drawn);
    expect(drawn.stdout).toContain('abc: abc.example.test by http-01, solver web');
    expect(drawn.stdout).toContain(`abc: ${wildcard} by dns-01, solver dns`);
    const shown = await home.certfleet(['show', 'abc']);
    succeeded(shown);
    expect(shown.stdout).toMatch(new RegExp(`Solver +web; dns for ${wildcard.replaceAll(/[*.]/g, '\\$&')}`));
  });

  it('moves a name to the other solver without an order, and renews with it', async () => {
    const serial = (await readLineage(home.store, 'abc')).current?.facts.serial;
    await home.configure((configuration) =>
      changeCertificate('abc', {
        identifiers: [
          { name: 'abc.example.test', solver: 'dns' },
          { name: wildcard, solver: 'dns' },
        ],
      })(configuration),
    );
    succeeded(await home.certfleet(['renew']));
    expect((await readLineage(home.store, 'abc')).current?.facts.serial).toBe(serial);
    succeeded(await home.certfleet(['renew', '--force']));
    const { current, spec } = await readLineage(home.store, 'abc');
    expect(current?.facts.serial).not.toBe(serial);
    expect(spec.parts.map(({ solver }) => solver.name)).toEqual(['dns']);
    expect(await challenges()).toEqual([]);
  });

  it('is issued by flags with --http and --dns, and renewed without them', async () => {
    const store = join(await temporaryFolder('flags'), 'store');
    const certfleet = await buildCertfleet();
    const { pebble, haproxy } = bench;
    const issued = await certfleet([
      ...['issue', '-d', `abc.example.test,${wildcard}`, '--store', store],
      ...['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--agree-tos'],
      ...['--http', `standalone:${bench.responder}`, '--http01-port', String(haproxy.httpPort)],
      ...['--dns', 'dns', '--config', home.config],
    ]);
    expect(issued.status, stderrOf(issued)).toBe(0);
    expect(declaredOf((await readLineage(store, 'abc.example.test')).spec)).toMatchObject({
      spec: { solver: 'standalone', solvers: { [wildcard]: 'dns' } },
      solvers: { dns: { type: 'dns01' } },
    });
    succeeded(await certfleet(['renew', '--force', '--store', store]));
    expect(await challenges()).toEqual([]);
  });
});
