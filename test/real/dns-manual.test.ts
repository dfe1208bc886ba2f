import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import {
  buildCertfleet,
  type Certfleet,
  type Ran,
  type RunOptions,
  readLineage,
  rewriteLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { findProgram, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The DNS provider `manual`: a person (this test) reads names and values on a terminal, and adds them with nsupdate.

stopAllAfterwards();

const plain = (ran: Ran) => `${ran.stderr} ${ran.stdout}`.replaceAll(/\x1b\[[\d;?]*\w/g, '').replaceAll(/\s+/g, ' ');
const zone = 'example.test';
const name = `_acme-challenge.${zone}`;

describeWith(['script', ...bindPrograms], 'a DNS provider that is a person', () => {
  let certfleet: Certfleet;
  let bind: Bind;
  let ca: AcmeCa;
  const script = findProgram('script', 'any') ?? '';
  beforeAll(async () => {
    [certfleet, bind] = await Promise.all([
      buildCertfleet(),
      startBind({ zones: [{ name: zone, records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }], secondary: 'on-demand' }),
    ]);
    ca = await startAcmeCa({ settings: { dnsServer: bind.server } });
  });

  const remove = async () => {
    await bind.update(zone, `delete ${name}. TXT`);
    await bind.secondary?.refresh(zone);
  };
  afterEach(remove);

  let store: string;
  let run: Certfleet;
  beforeEach(async () => {
    const folder = await temporaryFolder('manual');
    const config = join(folder, 'certfleet.yaml');
    store = join(folder, 'store');
    const dns = { zone, nameservers: [bind.server, bind.secondary?.server] };
    const issuer = { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true };
    const wild = { name: 'wild', identifiers: [zone, `*.${zone}`], issuer: 'ca', solver: 'hand', deploy: [] };
    await writeFile(
      config,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { ca: issuer },
        solvers: { hand: { type: 'dns01', provider: 'manual', dns } },
        certificates: [wild],
        preflight: { resolvers: [bind.server] },
      }),
    );
    run = (args, options) => certfleet([...args, '--config', config], options);
  });

  /** Adds the records that are shown, one after the other, on the primary at first and on the secondary in the end. */
  const person = (added: string[]): RunOptions => {
    let isAsked = false;
    const add = async (values: readonly string[]) => {
      for (const value of values) {
        await bind.update(zone, `add ${name}. 60 TXT "${value}"`);
        added.push(value);
      }
      await bind.secondary?.refresh(zone);
    };
    return {
      terminal: { script, typed: '' },
      seen: (output) => {
        const asked = /Add these 2 TXT records[\s\S]*goes on by itself/.exec(output)?.[0];
        if (asked === undefined || isAsked) return;
        isAsked = true;
        void add([...asked.matchAll(/ {2}value {2}(\S+)/g)].map(([, value]) => value ?? ''));
      },
    };
  };
  const makeDue = () =>
    rewriteLineage(store, 'wild', (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal, source: 'lifetime', at: new Date(Date.now() - 86_400_000).toISOString() },
    }));

  it('asks for both names at once, goes on by itself, and says what to remove', async () => {
    const added: string[] = [];
    const ran = await run(['issue'], person(added));
    succeeded(ran);
    const all = plain(ran);
    expect(added).toHaveLength(2);
    const last = /You can now remove these 2 TXT records:[\s\S]*/.exec(ran.stdout)?.[0] ?? '';
    for (const value of added) expect(last).toContain(value);
    expect(all).toMatch(/wild: issued, valid until/);
    expect(all).toMatch(/`certfleet issue wild[^`]*` at a terminal around/);
    expect(all).not.toContain('crontab');
    // It is the person who removes them.
    expect(await bind.txt(zone)).toHaveLength(2);
    await remove();
    succeeded(await run(['renew', '--quiet']));
    const before = ca.accepted('newOrder');
    await makeDue();
    const renewed = await run(['renew']);
    expect([renewed.status, stderrOf(renewed)]).toEqual([
      5,
      expect.stringMatching(
        /wild: the TXT records for wild must be added by hand.*the current certificate is valid until/,
      ),
    ]);
    expect((await run(['renew', '--quiet'])).status).toBe(5);
    expect((await readLineage(store, 'wild')).failure).toBeUndefined();
    const status = await run(['status']);
    expect(status.stdout).toMatch(/^wild +due .*by hand/m);
    expect(status.stdout).toMatch(/wild is renewed by hand: run `certfleet issue wild[^`]*` at a terminal/);
    expect(ca.accepted('newOrder')).toBe(before);

    const again = await run(['issue', 'wild'], person([]));
    succeeded(again);
    expect(ca.accepted('newOrder')).toBe(before + 1);
    await remove();
  });

  it.each(sampled([[['issue']], [['issue', '--quiet']], [['issue', '--json']]], 1, 'without a person'))(
    'refuses without someone who can read it: %s',
    async (args) => {
      const before = ca.accepted('newOrder');
      const terminal = args.length > 1 ? { terminal: { script, typed: '' } } : {};
      const ran = await run(args, terminal);
      expect(ran.status).toBe(5);
      expect(plain(ran)).toContain('the TXT records for wild must be added by hand, at a terminal');
      expect([ca.accepted('newOrder'), await bind.txt(zone)]).toEqual([before, []]);
    },
  );
});
