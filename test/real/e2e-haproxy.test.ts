import { X509Certificate } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  type Bench,
  changeCertificate,
  type Home,
  onlyCertificate,
  outcomesOf,
  readLineage,
  startBench,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { startNginx } from '../support/nginx.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, until } from '../support/service.ts';
import { fingerprintOfFile, shakeHands, shakeHandsUntilStopped } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The whole command line with real parts: two certificates for one HAProxy, and the messages when a delivery fails.

stopAllAfterwards();

describeWith(['pebble', 'haproxy', 'nginx', ...bindPrograms], 'delivery to HAProxy by the command line', () => {
  let bench: Bench;
  let home: Home;
  let haproxy: Haproxy;
  const served = async (name: string, port = haproxy.httpsPort) => (await shakeHands(port, name)).fingerprint;
  const current = async (name: string) => (await readLineage(home.store, name)).current?.facts.fingerprint;

  beforeAll(async () => {
    bench = await startBench();
    haproxy = bench.haproxy;
    home = await bench.home();
  });

  afterEach(async () => {
    await home.configure((configuration) => configuration);
  });

  it('issues over HTTP-01 and over DNS-01, delivers both, and the chain verifies', async () => {
    const issued = await home.certfleet(['issue']);
    succeeded(issued);
    expect(issued.stdout).toMatch(/^abc: issued, valid until /m);
    expect(issued.stdout).toMatch(/^wildcard: issued, valid until /m);
    for (const host of ['abc.example.test', 'example.test', 'www.example.test'])
      expect(await bench.fetch(host, haproxy.httpsPort)).toMatchObject({ status: 200, text: 'haproxy' });
    expect(await served('abc.example.test')).toBe(await current('abc'));
    expect(await served('other.example.test')).toBe(await current('wildcard'));
    expect(await bench.bind.txt('example.test')).toEqual([]);

    const again = await home.certfleet(['issue']);
    succeeded(again);
    expect(again.stdout).toMatch(/^abc: not due yet; valid until /m);
    expect(await served('abc.example.test')).toBe(await current('abc'));
  });

  it('renews with --force without a failed handshake', async () => {
    const before = [await current('abc'), await current('wildcard')];
    const loops = [
      shakeHandsUntilStopped(haproxy.httpsPort, 'abc.example.test', 2),
      shakeHandsUntilStopped(haproxy.httpsPort, 'www.example.test', 2),
    ];
    const renewed = await home.certfleet(['renew', '--force', '--json']);
    const answers = await Promise.all(loops.map((loop) => loop.stop()));
    expect(outcomesOf(renewed).map(({ result }) => result)).toEqual(['renewed', 'renewed']);
    expect(renewed.status, renewed.stderr + renewed.stdout).toBe(0);
    const after = [await current('abc'), await current('wildcard')];
    for (const [at, all] of answers.entries()) {
      // The number depends on the machine; what matters is that they continued through the change to the end.
      expect(all.length).toBeGreaterThan(10);
      expect(all.filter(({ error }) => error !== undefined)).toEqual([]);
      expect(new Set(all.map(({ fingerprint }) => fingerprint))).toEqual(new Set([before[at], after[at]]));
    }
  });

  const ways: readonly (readonly [string, () => Promise<() => Promise<void>>])[] = [
    [
      'moved away',
      async () => {
        await rename(haproxy.socket, `${haproxy.socket}.away`);
        return () => rename(`${haproxy.socket}.away`, haproxy.socket);
      },
    ],
    [
      'written wrong',
      async () => {
        const wrong = `${haproxy.socket}.wrong`;
        await home.configure((configuration) => ({
          ...configuration,
          deployers: { ...configuration.deployers, edge: { ...configuration.deployers['edge'], socket: wrong } },
        }));
        return () => home.configure((configuration) => configuration);
      },
    ],
    [
      'held by a file that is none',
      async () => {
        await rename(haproxy.socket, `${haproxy.socket}.away`);
        await writeFile(haproxy.socket, '');
        return () => rename(`${haproxy.socket}.away`, haproxy.socket);
      },
    ],
  ];
  it.each(sampled(ways, 1, 'admin sockets'))(
    'an admin socket that is %s: pending, the old one is served; the next renew delivers',
    async (_how, breakIt) => {
      const old = await current('abc');
      const mend = await breakIt();
      const pending = await home.certfleet(['renew', '--force', '--name', 'abc']);
      expect(pending.status, pending.stderr + pending.stdout).toBe(6);
      expect(pending.stdout).toMatch(/^abc: valid until .*; a deployment is pending$/m);
      expect(stderrOf(pending)).toMatch(
        /deploying abc to the deployer "edge" \(haproxy\) failed: HAProxy’s admin socket cannot be used: \/\S+: (no such file|connection refused)/,
      );
      expect(stderrOf(pending)).toMatch(
        /The target keeps its previous certificate, if it had one\. `certfleet renew[^`]*` tries/,
      );
      expect(await current('abc')).not.toBe(old);
      expect(await served('abc.example.test')).toBe(old);
      expect(await bench.fetch('abc.example.test', haproxy.httpsPort)).toMatchObject({ status: 200 });
      expect((await home.certfleet(['status'])).stdout).toMatch(/^abc +pending /m);

      await mend();
      const [wanted, orders] = [await current('abc'), (await readLineage(home.store, 'abc')).current?.id];
      const delivered = await home.certfleet(['renew', '--json']);
      expect(delivered.status, delivered.stderr + delivered.stdout).toBe(0);
      expect(outcomesOf(delivered)).toContainEqual(expect.objectContaining({ certificate: 'abc', result: 'deployed' }));
      expect(await served('abc.example.test')).toBe(wanted);
      expect((await readLineage(home.store, 'abc')).current?.id).toBe(orders); // delivered, not ordered again
      expect((await home.certfleet(['status'])).stdout).toMatch(/^abc +valid /m);
    },
  );

  itDrawn('raises one alarm if a target is pending for longer than deployTimeout', async () => {
    await rename(haproxy.socket, `${haproxy.socket}.away`);
    const alarms = async (args: readonly string[]) => {
      const ran = await home.certfleet([...args, '--json']);
      expect(ran.status, ran.stderr + ran.stdout).toBe(6);
      return ran.events.filter(({ level }) => level === 'alarm');
    };
    const seen = await alarms(['renew', '--force', '--name', 'abc']);
    await until(
      async () => {
        seen.push(...(await alarms(['renew'])));
        return new Set(seen.map(({ data }) => data?.['target'])).size === 2;
      },
      { what: 'the deployer and the endpoint have waited too long', deadlineMs: 20_000 },
    );
    seen.push(...(await alarms(['renew'])));
    expect(seen.map(({ event, certificate }) => `${event} ${certificate}`)).toEqual([
      'deploy.alarm abc',
      'deploy.alarm abc',
    ]);
    expect(seen.find(({ data }) => data?.['target'] === 'edge')?.message).toMatch(
      /^edge has been without the new certificate since \d{4}-.*: deploying abc to the deployer "edge"/,
    );
    await rename(`${haproxy.socket}.away`, haproxy.socket);
    succeeded(await home.certfleet(['renew']));
    expect(await served('abc.example.test')).toBe(await current('abc'));
  });

  itDrawn('an endpoint without a delivery is pending, and the other one is not', async () => {
    const other = join(home.folder, 'other');
    await mkdir(other);
    const deliver = () => copyFile(join(bench.certificates, 'abc.pem'), join(other, 'abc.pem'));
    await deliver();
    const forgotten = await startHaproxy({ certificates: other });
    const [right, wrong] = [haproxy, forgotten].map(({ httpsPort }) => `abc.example.test:${httpsPort}`) as [
      string,
      string,
    ];
    await home.configure(changeCertificate('abc', { endpoints: [right, wrong] }));
    succeeded(await home.certfleet(['renew'])); // both serve it

    const old = await current('abc');
    const pending = await home.certfleet(['renew', '--force', '--name', 'abc']);
    expect(pending.status, pending.stderr + pending.stdout).toBe(6);
    const serial = new X509Certificate(await readFile(join(other, 'abc.pem'))).serialNumber.toLowerCase();
    expect(stderrOf(pending)).toMatch(new RegExp(`${wrong} .*${serial.replace(/^0+/, '')}`));
    expect(pending.stderr).not.toContain(`${right} `);
    expect(await served('abc.example.test')).toBe(await current('abc'));
    expect(await served('abc.example.test', forgotten.httpsPort)).toBe(old);
    const { deployments } = await readLineage(home.store, 'abc');
    expect(Object.entries(deployments).map(([target, { state }]) => [target, state])).toEqual([
      ['edge', 'current'],
      [right, 'current'],
      [wrong, 'pending'],
    ]);

    await deliver();
    await forgotten.restart();
    succeeded(await home.certfleet(['renew']));

    // Nothing listens on it.
    const nowhere = `abc.example.test:${await freePort()}`;
    await home.configure(changeCertificate('abc', { endpoints: [right, nowhere] }));
    const unreachable = await home.certfleet(['renew']);
    expect(unreachable.status, unreachable.stderr + unreachable.stdout).toBe(6);
    expect(unreachable.stderr).toContain(nowhere);
  });

  itDrawn('a delivery that breaks the handshake is taken back', async () => {
    const folder = join(home.folder, 'hook');
    await mkdir(folder);
    const live = join(folder, 'live', 'abc');
    const good = join(folder, 'good.pem');
    const nginx = await startNginx();
    await nginx.configure([]);
    const broken = await readFile(nginx.configFile, 'utf8');
    await nginx.configure([{ serverName: 'abc.example.test', certificate: live }]);
    const right = await readFile(nginx.configFile, 'utf8');
    await writeFile(join(folder, 'broken.conf'), broken);
    await writeFile(join(folder, 'right.conf'), right);
    // A faulty hook: with every version except the one it knows, nginx refuses all handshakes afterwards.
    const hook = join(folder, 'hook.sh');
    const knows = `cmp -s "$RENEWED_LINEAGE/cert.pem" ${good}`;
    const script = (condition: string) => `set -e
[ -e ${good} ] || cp "$RENEWED_LINEAGE/cert.pem" ${good}
if ${condition}; then cp ${folder}/right.conf ${nginx.configFile}; else cp ${folder}/broken.conf ${nginx.configFile}; fi
${nginx.reloadCommand.join(' ')}
`;
    await writeFile(hook, script(knows));
    const endpoints = [`abc.example.test:${nginx.httpsPort}`];
    const own = await bench.home((configuration) => ({
      ...changeCertificate('abc', { deploy: ['hook'], endpoints })(onlyCertificate('abc')(configuration)),
      deployers: { hook: { type: 'command', run: ['/bin/sh', hook], path: folder } },
    }));
    succeeded(await own.certfleet(['issue']));
    const first = await fingerprintOfFile(join(live, 'cert.pem'));
    // For 0.1 s after a reload, nginx's old worker may answer too.
    const untilServed = (what: string) =>
      until(async () => (await served('abc.example.test', nginx.httpsPort)) === what, { what: 'nginx serves it' });
    await nginx.settled();
    await untilServed(first);

    const pending = await own.certfleet(['renew', '--force']);
    expect(pending.status, pending.stderr + pending.stdout).toBe(6);
    expect(stderrOf(pending)).toMatch(/hook went back to the previous version/);
    await nginx.settled();
    await untilServed(first);
    expect(await fingerprintOfFile(join(live, 'cert.pem'))).toBe(first);
    expect(await bench.fetch('abc.example.test', nginx.httpsPort)).toMatchObject({ status: 200 });

    // `renew` does not break it again within a day, and keeps saying that it is pending.
    const waiting = await own.certfleet(['renew']);
    expect(waiting.status, waiting.stderr + waiting.stdout).toBe(6);
    expect(stderrOf(waiting)).toMatch(/hook went back to the previous version/);
    expect(await served('abc.example.test', nginx.httpsPort)).toBe(first);

    // The fault is repaired, and a person tries again.
    await writeFile(hook, script('true'));
    const delivered = await own.certfleet(['issue', '--json']);
    expect(outcomesOf(delivered)).toEqual([expect.objectContaining({ certificate: 'abc', result: 'deployed' })]);
    const second = (await readLineage(own.store, 'abc')).current?.facts.fingerprint;
    expect(second).not.toBe(first);
    await untilServed(second ?? '');
  });
});
