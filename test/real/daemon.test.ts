import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { ReplicaDocument } from '../../src/core/node/replica.ts';
import { bindPrograms } from '../support/bind.ts';
import { startDaemon } from '../support/daemon.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Bench, documents, onlyCertificate, readLineage, rewriteLineage, startBench } from '../support/e2e.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

describeWith(['pebble', 'haproxy', ...bindPrograms], 'certfleet run', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
  });

  it('issues what is declared, follows the configuration and the store, and stops in order', async () => {
    const home = await bench.home(onlyCertificate('abc'));
    const daemon = startDaemon(home);
    await daemon.saw('"certificate.deployed","certificate":"abc"');
    // It does not wait for itself.
    expect(daemon.said()).not.toContain('certificate.waiting');

    // Another certificate is declared.
    await home.configure((one) => ({
      ...one,
      certificates: [
        ...one.certificates,
        { ...one.certificates[0]!, name: 'more', identifiers: ['more.example.test'], endpoints: [] },
      ],
    }));
    await daemon.saw('"certificate.deployed","certificate":"more"');

    // Signals without a meaning do nothing: by default, the first one opens a debugger, and the second one ends it.
    const [replica] = (await documents(home.store, 'replica')).values();
    const { pid } = (JSON.parse(replica!) as ReplicaDocument).running!.node!.lease!.holder;
    for (const name of ['SIGUSR1', 'SIGUSR2'] as const) process.kill(pid, name);

    // A mistake changes nothing.
    const valid = await readFile(home.config, 'utf8');
    await writeFile(home.config, valid.replace('"certificates"', '"certificate"'));
    await daemon.saw('the configuration of before stays in use');
    await writeFile(home.config, valid);
    await daemon.saw('the configuration was read again', 2);

    // Another process changes the store: the certificate becomes due.
    const before = (await readLineage(home.store, 'abc')).current?.id;
    await rewriteLineage(home.store, 'abc', (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: new Date().toISOString() },
    }));
    await until(async () => (await readLineage(home.store, 'abc')).current?.id !== before, { what: 'it is renewed' });

    const ended = await daemon.stop();
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    for (const name of ['abc', 'more']) expect((await readLineage(home.store, name)).work?.lease).toBeUndefined();
    const { events } = await home.certfleet(['show', 'abc', '--history', '--json']);
    const ofDaemon = { trigger: 'run', process: 'daemon' };
    // The stop may have come before the delivery.
    const runs = [
      { ...ofDaemon, result: expect.stringMatching(/^(done|stopped)$/), did: expect.arrayContaining(['renewed']) },
      { ...ofDaemon, result: 'done', did: ['issued', 'delivered'] },
    ];
    expect(events).toContainEqual(
      expect.objectContaining({ object: 'history', runs: runs.map((one) => expect.objectContaining(one)) }),
    );
    expect(await home.certfleet(['renew', '--json'])).toMatchObject({ status: 0 });
  });

  itDrawn(
    'leaves a certificate alone that is deleted beside it, and renews one that a person issues by flags',
    async () => {
      const home = await bench.home(onlyCertificate('none'));
      const daemon = startDaemon(home);
      await daemon.saw('"run.started"');
      const flags = ['--http', 'web', '--deploy', `files:${home.files}`, '--name', 'flags'];
      const issued = await home.certfleet(['issue', '-d', 'abc.example.test', ...flags]);
      expect(issued.status, issued.stderr).toBe(0);
      const before = (await readLineage(home.store, 'flags')).current?.id;
      await rewriteLineage(home.store, 'flags', (lineage) => ({
        ...lineage,
        renewal: { ...lineage.renewal!, at: new Date().toISOString() },
      }));
      await until(async () => (await readLineage(home.store, 'flags')).current?.id !== before, {
        what: 'it is renewed',
      });
      await until(async () => (await readLineage(home.store, 'flags')).work === undefined, { what: 'it is done' });
      expect(await readFile(join(home.files, 'live/flags/cert.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
      expect((await home.certfleet(['delete', 'flags', '--force'])).status).toBe(0);
      expect(await daemon.stop()).toMatchObject({ status: 0 });
      await expect(readLineage(home.store, 'flags')).rejects.toThrow('there is no lineage');
    },
  );
});
