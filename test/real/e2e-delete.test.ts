import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Kind } from '../../src/ports/store.ts';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  filesBelow,
  readLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const name = 'www.example.test';
const kinds = ['lineage', 'key', 'version', 'credential', 'token'] as const satisfies readonly Kind[];

describe('certfleet delete', () => {
  let certfleet: Certfleet;
  let ca: AcmeCa;
  beforeAll(async () => {
    const settings = { validate: async () => undefined };
    [certfleet, ca] = await Promise.all([buildCertfleet(), startAcmeCa({ settings })]);
  });

  let folder: string;
  let store: string;
  let config: string;
  let hooks: string;
  beforeEach(async () => {
    folder = await temporaryFolder('delete');
    [store, config, hooks] = [join(folder, 'store'), join(folder, 'certfleet.yaml'), join(folder, 'hooks')];
    await writeFile(hooks, '');
    await declare();
  });

  /** Records `present` and `cleanup`; `present` waits while the file `wait` exists. */
  const declare = (certificates: readonly object[] = [], cleanup = `echo cleanup >> ${hooks}`) =>
    writeFile(
      config,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { own: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } },
        solvers: {
          hook: {
            type: 'command',
            challenge: 'http-01',
            present: `echo present >> ${hooks}; while [ -e ${join(folder, 'wait')} ]; do sleep 0.05; done`,
            cleanup,
          },
        },
        deployers: { files: { type: 'files', path: join(folder, 'certs') } },
        certificates,
        preflight: { resolvers: ['127.0.0.1:1'] },
      }),
    );
  const run = (...args: readonly string[]) => certfleet([...args, '--config', config]);
  const left = async () => {
    const found = await Promise.all(kinds.map(async (kind) => [kind, (await documents(store, kind)).size] as const));
    return Object.fromEntries(found.filter(([, count]) => count > 0));
  };
  const nothing = {};

  /** An issue that hangs in its hook until `kill`. */
  async function hangingIssue(): Promise<{ kill(): Promise<void> }> {
    await writeFile(join(folder, 'wait'), '');
    const issuing = run('issue', '-d', name);
    await until(async () => (await readFile(hooks, 'utf8')).includes('present'), { what: 'the hook runs' });
    const { work } = await readLineage(store, name);
    return {
      kill: async () => {
        process.kill(work?.lease?.holder.pid ?? 0, 'SIGKILL');
        expect((await issuing).status).toBe('SIGKILL');
        await rm(join(folder, 'wait'));
      },
    };
  }

  it('is refused while a target has it; otherwise removes it with all its keys', async () => {
    succeeded(await run('issue', '-d', name, '--deploy', 'files', '--deploy-hook', 'true'));
    succeeded(await run('issue', name, '--force'));
    succeeded(await run('issue', '-d', 'other.example.test', '--deploy-hook', 'true'));
    const refused = await run('delete', name);
    expect(refused.status).toBe(2);
    expect(stderrOf(refused)).toMatch(/"www\.example\.test" is still deployed to files/);
    expect(stderrOf(refused)).toContain(`certfleet issue ${name} --deploy none --endpoint none`);
    expect(await left()).toEqual({ lineage: 2, key: 3, version: 3 });

    succeeded(await run('issue', name, '--deploy', 'none', '--endpoint', 'none'));
    const deleted = await run('delete', name);
    succeeded(deleted);
    expect(deleted.stdout).toMatch(/^www\.example\.test: deleted from the store, with its keys\n/);
    expect(deleted.stdout).toMatch(/It was not revoked, so it stays valid until \d{4}-.* \(89 days\)\./);
    expect([...(await documents(store, 'lineage')).keys()]).toEqual(['other.example.test']);
    expect(await left()).toEqual({ lineage: 1, key: 1, version: 1 });
    // Delivered files belong to the target.
    const live = join(folder, `certs/live/${name}/privkey.pem`);
    expect(await readFile(live, 'utf8')).toContain('PRIVATE KEY');
    // No file of the store contains its keys any more.
    const keys = [...(await filesBelow(join(store, 'key')))].filter(([, content]) => content.includes('PRIVATE KEY'));
    expect(keys.length).toBe(1);
    // Nor does what its hook got.
    const copies = [...(await filesBelow(join(store, 'deployed'))).keys()].filter((path) => !path.includes('other'));
    expect(copies).toEqual([]);

    const again = await run('delete', name);
    expect(again.status).toBe(2);
    expect(stderrOf(again)).toMatch(/there is no certificate named "www\.example\.test"/);
    expect((await run('renew', '--quiet')).status).toBe(0);
    expect((await run('status')).stdout).not.toContain(name);
  });

  itDrawn('with force leaves the targets alone and says so; says that a declared one comes back', async () => {
    await declare([{ name: 'abc', identifiers: [name], deploy: ['files'] }]);
    succeeded(await run('issue'));
    const deleted = await run('delete', 'abc', '--force', '--json');
    expect(deleted.status, deleted.stdout).toBe(0);
    const finished = deleted.events.at(-1);
    expect(finished).toMatchObject({
      event: 'run.finished',
      certificate: 'abc',
      data: { exitCode: 0, keptBy: ['files'], left: [], isDeclared: true },
    });
    expect(await left()).toEqual(nothing);
    const nothingThere = await run('delete', 'abc');
    expect(nothingThere.status).toBe(2);
    expect(stderrOf(nothingThere)).toMatch(/"abc" is declared in the configuration, but has not been issued yet/);

    succeeded(await run('renew'));
    expect((await documents(store, 'lineage')).size).toBe(1);
    const text = await run('delete', 'abc', '--force');
    succeeded(text);
    expect(text.stdout).toContain(`The files in ${join(folder, 'certs')}/live/abc/ stay.`);
    expect(text.stdout).toMatch(
      /remove it from the configuration, too; otherwise `certfleet renew[^`]*` orders it again/,
    );
  });

  itDrawn(
    'does not wait: refused while another process works on it; after a kill it cleans up and continues',
    async () => {
      const issuing = await hangingIssue();
      const refused = await run('delete', name, '--force');
      expect(refused.status, refused.stdout).toBe(7);
      expect(stderrOf(refused)).toMatch(
        /another process \(pid \d+ on \S+\) is working on www\.example\.test; nothing was changed/,
      );

      await issuing.kill();
      await writeFile(hooks, '');
      succeeded(await run('delete', name));
      expect((await readFile(hooks, 'utf8')).trim()).toBe('cleanup');
      expect(await left()).toEqual(nothing);
    },
  );

  itDrawn('is refused if the clean-up fails, and with force says what is left', async () => {
    await declare([], 'echo "the API is gone" >&2; exit 1');
    const issuing = await hangingIssue();
    await issuing.kill();

    const before = await left();
    const refused = await run('delete', name);
    expect(refused.status, stderrOf(refused)).toBe(5);
    expect(stderrOf(refused)).toMatch(
      /the http-01 challenge of www\.example\.test could not be removed: .*the API is gone/,
    );
    expect(await left()).toEqual(before);
    const forced = await run('delete', name, '--force');
    succeeded(forced);
    expect(forced.stdout).toMatch(/Left behind: the http-01 challenge of www\.example\.test could not be removed: /);
    expect(await left()).toEqual(nothing);
    expect(await run('sweep', '--quiet')).toMatchObject({ status: 0, stdout: '' });
  });

  it('makes no store', async () => {
    const refused = await run('delete', name);
    expect(refused.status).toBe(7);
    expect(await filesBelow(store)).toEqual(new Map());
  });
});
