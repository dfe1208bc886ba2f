import { expect, it } from 'vitest';
import { buildCertfleet, readLineage, rewriteLineage, succeeded } from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Pebble has its accounts and orders in memory, and answers 404 without a problem document for an order of before.

describeWith(['pebble'], 'a CA that was restarted without its database', () => {
  stopAllAfterwards();

  it.each(
    sampled(
      [
        ['a first issue', true],
        ['a renewal', false],
      ],
      1,
      'forgotten orders',
    ),
  )('gets another order in place of the open one of %s, for the same version', async (_what, first) => {
    const [certfleet, port, httpPort, store] = [
      await buildCertfleet(),
      await freePort(),
      await freePort(),
      await temporaryFolder('store'),
    ];
    const before = await startPebble({ port, httpPort });
    const name = 'abc.example.test';
    const args = [
      ...['issue', '-d', name, '--issuer', before.directoryUrl, '--ca-file', before.caFile, '--agree-tos'],
      ...['--http', `standalone:127.0.0.1:${httpPort}`, '--http01-port', String(httpPort), '--store', store],
    ];
    succeeded(await certfleet([...args, '--resolver', before.dnsServer]));
    await before.stop();
    const after = await startPebble({ port, httpPort });

    // Opens the account again.
    succeeded(await certfleet([...args, '--resolver', after.dnsServer, '--name', 'other']));

    const { directoryUrl: directory } = after;
    const version = '20260101-000000-abcdef';
    await rewriteLineage(store, name, ({ current, ...lineage }) => ({
      ...lineage,
      ...(first ? {} : { current: current! }),
      work: {
        ...{ step: 'order', version, directory, startedAt: new Date().toISOString(), challenges: [] },
        ...(first ? { first } : {}),
        order: { url: new URL('/my-order/of-before', directory).href },
      },
    }));
    succeeded(await certfleet([...args, '--resolver', after.dnsServer, '--force']));
    expect((await readLineage(store, name)).current?.id).toBe(version);
  });
});
