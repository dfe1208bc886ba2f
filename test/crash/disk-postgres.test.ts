import { beforeAll, expect, it } from 'vitest';
import { hasPostgres, mountDisk, type Postgres, startPostgres } from '../support/postgres.ts';
import { newSchema } from '../support/postgres-bench.ts';
import { machines } from '../support/rights.ts';
import { sampled } from '../support/seeded.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { currentKeyFits, documents, leftovers, liveFits, plantForeign, readLineage } from './inspect.ts';
import { type Rig, startRig } from './rig.ts';
import type { StatePlace } from './stores.ts';

/** The disk of the database becomes full during an order. */
describeWith(['pebble', 'named', 'nsupdate', 'dig', hasPostgres, machines], 'a database whose disk is full', () => {
  stopAllAfterwards();
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ leaseTtl: '3s' });
    await plantForeign(rig);
  });

  const cases: readonly (readonly [what: string, begin: (server: Postgres) => Promise<unknown>, says: RegExp])[] = [
    // Many empty pages of the log are left, but none of the tables.
    [
      'for its tables',
      async () => undefined,
      /store\/unusable.*(No space left|could not extend).*Make room on the disk/,
    ],
    // Then the server ends all sessions, and cannot begin again.
    ['for its log', writeUntilItEnds, /store\/unreachable.*does not answer.*its server runs/],
  ];
  it.each(sampled(cases, 1, 'what the disk of the database is full for'))(
    '%s: one clear sentence, no effects, and it goes on once there is room',
    async (_what, begin, says) => {
      const disk = await mountDisk(64);
      const server = await startPostgres({
        isDurable: true,
        disk,
        settings: { max_wal_size: '4MB', min_wal_size: '2MB', autovacuum: 'off' },
      });
      const place = { type: 'postgres', url: server.url(), schema: newSchema(), tls: 'off', plaintext: true } as const;
      const stores: StatePlace = { make: async () => place, settle: async () => undefined };
      const state = await rig.state('dns', undefined, { stores });
      rig.proxy.clear();
      rig.proxy.forget();
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      const held = rig.proxy.fault({ on: 'finalize', what: { type: 'hold', when: 'after', until: released } });
      const running = rig.cli(state, 'issue', '--json');
      await until(() => held.hits > 0, { what: 'finalize is reached', deadlineMs: 60_000 });
      const keys = [...(await documents(state, 'key')).keys()];
      expect(keys).toHaveLength(1);
      await disk.fill();
      await begin(server);
      release();
      const ran = await running.done;
      const said = `${ran.stdout} ${ran.stderr}`.replace(/\s+/g, ' ');
      expect([ran.status, said]).toEqual([7, expect.stringMatching(says)]);
      // It had the answer, and did nothing more: a certificate that cannot be stored must not be delivered.
      expect(await liveFits(state).catch(() => false)).toBe(false);

      await disk.free();
      const answers = () =>
        server.sql('select 1').then(
          () => true,
          () => !server.service.running,
        );
      await until(answers, { what: 'the server goes on, or has given up', deadlineMs: 60_000 });
      if (!server.service.running) await server.start();
      const again = await rig.cli(state, 'issue').done;
      expect(again.status, again.stderr).toBe(0);
      expect((await readLineage(state))?.last?.result).toBe('issued');
      expect([...(await documents(state, 'key')).keys()]).toEqual(keys);
      expect(await currentKeyFits(state)).toBe(true);
      expect(await liveFits(state)).toBe(true);
      expect([rig.proxy.accepted('newOrder'), rig.proxy.accepted('finalize')]).toEqual([1, 1]);
      expect(await leftovers(rig, state)).toEqual([]);
    },
  );
});

/** Writes into the log of the server until it ends its sessions. */
async function writeUntilItEnds(server: Postgres): Promise<void> {
  const write = () => server.sql("select pg_logical_emit_message(false, 'test', repeat('x', 200000))");
  await until(
    () =>
      write().then(
        () => false,
        () => true,
      ),
    { what: 'the log takes no more', deadlineMs: 60_000 },
  );
}
