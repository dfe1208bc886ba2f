import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { buildCertfleet, type Certfleet, stderrOf, succeeded } from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

describeWith(['pebble', hasPostgres], 'certfleet with a store in PostgreSQL', () => {
  let certfleet: Certfleet;
  let pebble: Pebble;
  let server: Postgres;
  let folder: string;
  let httpPort: number;
  beforeAll(async () => {
    httpPort = await freePort();
    [certfleet, pebble, server, folder] = await Promise.all([
      buildCertfleet(),
      startPebble({ httpPort }),
      startPostgres(),
      temporaryFolder('e2e-postgres'),
    ]);
  });

  /** Runs a command with a store of these options. */
  async function run(args: readonly string[], store: object = {}, others: object = {}) {
    const config = join(folder, 'certfleet.yaml');
    const settings = {
      store: { type: 'postgres', url: 'env:DATABASE', tls: 'off', ...store },
      ...others,
    };
    await writeFile(config, JSON.stringify(settings));
    return certfleet([...args, '--config', config], { env: { DATABASE: server.url() } });
  }
  const all = () =>
    server.sql('select kind, convert_from(name, $$UTF8$$), encode(bytes, $$escape$$) from certfleet.document');

  it('demands a store key, orders a certificate, and renews nothing that is not due', async () => {
    const keyFile = join(folder, 'store.key');
    const key = { storeKey: `file:${keyFile}` };
    const issue = [
      ...['issue', '-d', 'abc.example.test', '--agree-tos', '--http', `standalone:127.0.0.1:${httpPort}`],
      ...['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--http01-port', `${httpPort}`],
      ...['--deploy', `files:${join(folder, 'files')}`, '--ignore-preflight'],
    ];
    const refused = await run(issue);
    expect([refused.status, stderrOf(refused)]).toEqual([7, expect.stringContaining('no store key')]);
    expect(await server.sql("select to_regnamespace('certfleet')")).toEqual([]);
    succeeded(await run(['store', 'key', keyFile]));
    const issued = await run(issue, {}, key);
    succeeded(issued);
    const documents = await all();
    expect(documents.filter((line) => line.startsWith('version|'))).toHaveLength(1);
    expect(documents.join('\n')).not.toContain('PRIVATE KEY');
    const before = await server.sql('select max(at) from certfleet.document where kind <> $$replica$$');
    succeeded(await run(['renew'], {}, key));
    expect(await server.sql('select max(at) from certfleet.document where kind <> $$replica$$')).toEqual(before);
    const status = await run(['status', '--json'], {}, key);
    succeeded(status);
    expect(status.stdout).toContain('"abc.example.test"');
    // Without its key, and by another way, the store says what it lacks.
    expect((await run(['status'], { plaintext: true })).status).toBe(7);
    const doctor = await run(['doctor', '--store'], {}, key);
    succeeded(doctor);
    expect(doctor.stdout).toMatch(/✓ store +it can be read and written\n.*✓ clock +it agrees/);
  });

  it.each<[what: string, store: object, says: RegExp]>([
    ['no store', { schema: 'none', plaintext: true }, /\? store +there is no store at .*, but one can be made/],
    ['no key', { schema: 'none' }, /✗ store .*no store key/],
    ['no server', { url: 'postgres://a@127.0.0.1:1/a' }, /✗ store .*does not answer: connection refused/],
    ['no TLS', { tls: 'verified' }, /✗ store .*the server has no TLS/],
  ])('doctor tells of %s', async (_what, store, says) => {
    const { status, stdout } = await run(['doctor', '--store'], store);
    expect(stdout.replaceAll(/\n +│? */g, ' ')).toMatch(says);
    expect(status).toBe(stdout.includes('✗') ? 7 : 0);
    expect(await server.sql("select to_regnamespace('none')")).toEqual([]);
  });
});
