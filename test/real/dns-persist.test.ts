import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  outcomesOf,
  readLineage,
  rewriteLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { findProgram, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// dns-persist-01: names are validated once, by a record in BIND that stays. Pebble 2.10 has draft 01.

stopAllAfterwards();

const zone = 'example.test';
const at = `_validation-persist.${zone}`;

describeWith(bindPrograms, 'conformance 17: a record that stays, in BIND', () => {
  let certfleet: Certfleet;
  let bind: Bind;
  let secret: string;
  beforeAll(async () => {
    [certfleet, bind] = await Promise.all([
      buildCertfleet(),
      startBind({ zones: [{ name: zone, records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }], secondary: 'follows' }),
    ]);
    secret = join(await temporaryFolder('tsig'), 'secret');
    await writeFile(secret, bind.key.secret, { mode: 0o600 });
  });

  afterEach(async () => {
    bind.secondary?.resume();
    await bind.update(zone, `delete ${at}. TXT`);
  });

  interface Issuer {
    readonly directoryUrl: string;
    readonly caFile: string;
  }

  /** A store and configuration of its own. */
  async function home({ directoryUrl, caFile }: Issuer, solver: object, identifiers = [zone, `*.${zone}`]) {
    const folder = await temporaryFolder('persist');
    const [config, store] = [join(folder, 'certfleet.yaml'), join(folder, 'store')];
    const dns = { zone, nameservers: [bind.server, bind.secondary?.server] };
    const configuration = {
      store: { type: 'file', path: store },
      issuers: { ca: { directory: directoryUrl, caFile, agreeToTerms: true, test: true } },
      solvers: { dns: { type: 'dns01', challenge: 'dns-persist-01', dns, ...solver } },
      certificates: [{ name: 'once', identifiers, issuer: 'ca', solver: 'dns', deploy: [] }],
      preflight: { resolvers: [bind.server] },
    };
    await writeFile(config, JSON.stringify(configuration));
    const run: Certfleet = (args, options) => certfleet([...args, '--config', config], options);
    return { run, store, kept: async () => (await readLineage(store, 'once')).kept };
  }
  const overApi = () => ({
    provider: 'rfc2136',
    options: { server: bind.server, keyName: bind.key.name, secret: `file:${secret}` },
  });
  const serial = async () => /SOA \S+ \S+ (\d+)/.exec((await bind.dump(zone)).replaceAll(/\s+/g, ' '))?.[1];

  const newPebble = findProgram('pebble', 'shared');
  describe.skipIf(newPebble === undefined)('with Pebble 2.10 (draft 01)', () => {
    let pebble: Pebble;
    beforeAll(async () => {
      pebble = await startPebble({ program: 'shared', dnsServer: bind.server });
    });

    it('is written once, for a name and its wildcard; a renewal changes nothing in the zone', async () => {
      await bind.update(zone, `add ${at}. 60 TXT "of another program"`);
      const { run, kept, store } = await home(pebble, overApi());
      const issued = await run(['issue']);
      succeeded(issued);
      expect(stderrOf(issued)).toContain(
        `added a TXT record at ${at}, which stays: pebble.letsencrypt.org; accounturi=`,
      );
      const { current } = await readLineage(store, 'once');
      const value = `pebble.letsencrypt.org; accounturi=${current?.accountUrl}; policy=wildcard`;
      const both = [
        { name: at, value: 'of another program' },
        { name: at, value },
      ];
      expect(await bind.txt(zone)).toEqual(both);
      expect((await kept())?.map((one) => one.value)).toEqual([value]);
      const before = await serial();
      succeeded(await run(['renew', '--force']));
      succeeded(await run(['sweep']));
      expect(await serial()).toBe(before);
      const deleted = await run(['delete', 'once', '--force']);
      expect(deleted.stdout).toContain(`The TXT record at ${at} stays, and lets the account get certificates`);
      expect(await bind.txt(zone)).toEqual(both);
    });

    itDrawn('is used by the next run, if the first one is killed after it was written', async () => {
      const { run, kept } = await home(pebble, { ...overApi(), persistFor: '90d' }, [zone]);
      // It cannot go on before the second server answers.
      bind.secondary?.pause();
      const killWhen = until(async () => (await bind.txt(zone)).length > 0, { what: 'the record', everyMs: 1 });
      expect((await run(['issue'], { killWhen })).status).toBe('SIGKILL');
      bind.secondary?.resume();
      const written = await bind.txt(zone);
      expect(written).toMatchObject([{ name: at, value: expect.stringMatching(/; persistUntil=\d+$/) }]);
      succeeded(await run(['sweep']));
      const ran = await run(['issue', '--json']);
      succeeded(ran);
      expect(outcomesOf(ran)).toMatchObject([{ result: 'issued' }]);
      expect(await bind.txt(zone)).toEqual(written);
      expect((await kept())?.map(({ value, intended }) => [value, intended])).toEqual([[written[0]?.value, undefined]]);
    });
  });

  describeWith(['script'], 'added by a person, at a CA with draft 02', () => {
    let ca: AcmeCa;
    const script = findProgram('script', 'any') ?? '';
    beforeAll(async () => {
      const persist = { draft: 2, issuers: ['simulated.test'], hashPrefix: 'https://ca.test/account-hash/' } as const;
      ca = await startAcmeCa({ settings: { dnsServer: bind.server, persist } });
    });

    it('needs the person once: renewals run without one', async () => {
      const { run, store } = await home(ca, { provider: 'manual' });
      let isAdded = false;
      const seen = (output: string) => {
        const [, value] =
          /Add this TXT record[\s\S]*? {2}value {2}([^\r\n]+)[\s\S]*goes on by itself/.exec(output) ?? [];
        if (value === undefined || isAdded) return;
        isAdded = true;
        void bind.update(zone, `add ${at}. 60 TXT "${value}"`);
      };
      const ran = await run(['issue'], { terminal: { script, typed: '' }, seen });
      succeeded(ran);
      expect(ran.stdout).toContain('It stays there, so renewals need no person.');
      expect(ran.stdout).not.toContain('You can now remove');
      const there = await bind.txt(zone);
      await rewriteLineage(store, 'once', (lineage) => ({
        ...lineage,
        renewal: { ...lineage.renewal, source: 'lifetime', at: new Date(Date.now() - 86_400_000).toISOString() },
      }));
      const renewed = await run(['renew', '--json']);
      succeeded(renewed);
      expect(outcomesOf(renewed)).toMatchObject([{ result: 'renewed' }]);
      expect(await bind.txt(zone)).toEqual(there);
    });
  });
});
