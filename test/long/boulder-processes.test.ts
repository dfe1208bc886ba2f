import { beforeAll, expect, it } from 'vitest';
import { type Boulder, boulderPrograms, startBoulder } from '../support/boulder.ts';
import { boulderFleet, boulderLimits } from '../support/boulder-fleet.ts';
import { buildCertfleet, type Certfleet, openStore } from '../support/e2e.ts';
import { startService, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const [processes, each] = [3, 300];

describeWith(
  [...boulderPrograms, 'python3'],
  'three processes at one store, with an account whose limit is known',
  () => {
    // They meet no limit.
    const limits = { newOrdersPerAccount: '3000/3h', certificatesPerDomain: '3000/1h' };
    let boulder: Boulder;
    let certfleet: Certfleet;
    beforeAll(async () => {
      [boulder, certfleet] = await Promise.all([startBoulder(boulderLimits(limits)), buildCertfleet()]);
    });

    /** How often the account's document was written. */
    async function writesIn(store: string): Promise<number> {
      for await (const page of openStore(store).scan('ledger', new AbortController().signal))
        for (const { key, revision } of page) if (key.name.endsWith('~orders')) return Number(revision.split('-')[0]);
      return 0;
    }

    it(`spend the tokens of ${processes * each} orders, twenty in a write`, { timeout: 900_000 }, async () => {
      const here = await boulderFleet(boulder, certfleet, limits);
      const names = Array.from({ length: processes * each }, (_, at) => `n${at}.process-${at % 30}.com`);
      const first = 'first.process.com';
      // A web server, because of three busy processes only one can listen on the CA's port.
      const folder = await temporaryFolder('webroot');
      const [program = '', ...more] = [...boulder.inside, 'python3', '-m', 'http.server', '80'];
      const args = [...more, '--bind', boulder.webAddress, '--directory', folder];
      await startService({ name: 'web', program, args, ready: async () => true });
      await here.configure({ default: [first, ...names] }, folder);
      expect((await here.run('issue', first)).issued).toEqual([first]);
      const before = await writesIn(here.store);
      const began = Date.now();
      const all = await Promise.all(
        Array.from({ length: processes }, (_, at) => here.run('issue', ...names.slice(at * each, (at + 1) * each))),
      );
      const seconds = (Date.now() - began) / 1000;
      const writes = (await writesIn(here.store)) - before;
      const { accepted, refused } = await here.orders();
      process.stdout.write(
        `${processes} processes with ${each} orders each in ${seconds.toFixed(0)} s: ${accepted - 1} orders accepted, ${refused} refused, ${writes} writes of the account's tokens, one for ${((accepted - 1) / writes).toFixed(1)}\n`,
      );
      expect(all.map(({ issued }) => issued.length)).toEqual(Array(processes).fill(each));
      expect([accepted, refused]).toEqual([1 + names.length, 0]);
      expect(writes).toBeLessThanOrEqual(names.length / 20);
    });
  },
);
