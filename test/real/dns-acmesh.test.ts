import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CertfleetError } from '../../src/core/errors/errors.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import acmesh from '../../src/dns/acmesh.ts';
import { password, testHttpRequest, username } from '../../src/dns/test-http-request.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { World } from '../../src/ports/world.ts';
import type { FakeDnsService } from '../../src/testing/dns-api-bench.ts';
import { type DnsProviderBench, dnsProviderContract } from '../../src/testing/dns-provider-contract.ts';
import { acmeShFolder } from '../support/acme-sh.ts';
import { bindPrograms, startBind } from '../support/bind.ts';
import { drawnExcept } from '../support/drawn.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const zone = 'example.test';
const digest = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const value = { zone, name: `_acme-challenge.${zone}`, value: digest, ttl: 60 };

const lines: string[] = [];
const log = (line: string) => void lines.push(line);
let world: World;
beforeAll(() => {
  world = createWorld({ env: {}, log: { debug: log, info: log, warn: log } });
});
afterAll(() => world.close());

const connect = (options: Readonly<Record<string, unknown>>) => {
  const environment = typeof options['environment'] === 'string' ? new Secret(options['environment']) : undefined;
  return acmesh.connect({ name: 'dns', world, options: acmesh.options.parse({ ...options, environment }) });
};

const failure = (promise: Promise<unknown>): Promise<CertfleetError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: CertfleetError) => error,
  );

/** A folder like that of acme.sh, with one script. */
async function homeWith(script: string, mode = 0o755): Promise<string> {
  const home = await temporaryFolder('acmesh');
  mkdirSync(join(home, 'dnsapi'));
  copyFileSync(`${acmeShFolder}/acme.sh`, join(home, 'acme.sh'));
  writeFileSync(join(home, 'dnsapi/dns_probe.sh'), script, { mode: 0o644 });
  chmodSync(join(home, 'dnsapi'), mode);
  return home;
}

describeWith(['bash', 'curl', ...bindPrograms], 'the scripts of acme.sh', () => {
  // acme.sh's own script for such servers, so that everything can be seen from outside.
  describe('dns_acmeproxy', () => {
    /** A script tells neither why it failed nor whether its server could be reached. */
    const declare = drawnExcept(/is there after append/);
    const untold = ['refused credentials blame', 'does not answer is dns/unreachable'];
    dnsProviderContract(
      (name, run) => (untold.some((words) => name.includes(words)) ? undefined : declare(name, run)),
      async (): Promise<DnsProviderBench> => {
        let service: FakeDnsService | undefined;
        const served = await serveFakeApi((origin) => {
          service = testHttpRequest(systemClock, origin);
          return service.api;
        });
        const environment = [
          `ACMEPROXY_ENDPOINT='${served.origin}/acme'`,
          `export ACMEPROXY_USERNAME="${username}"`,
          `SAVED_ACMEPROXY_PASSWORD='__ACME_BASE64__START_${Buffer.from(password).toString('base64')}__ACME_BASE64__END_'`,
        ].join('\n');
        const absent = () => expect.fail('not asked for');
        return {
          traits: acmesh.traits,
          zone,
          subZone: undefined,
          connect: () => connect({ script: 'dns_acmeproxy', environment, home: acmeShFolder }),
          connectRefused: absent,
          connectUnreachable: absent,
          values: async (of) => service!.values(of),
          plant: async (planted) => service!.plant(planted),
          secrets: [password],
          clock: systemClock,
          logged: () => lines,
          stop: () => served.close(),
        };
      },
    );

    it('says what the script said when it failed, without the secrets', async () => {
      const served = await serveFakeApi((origin) => testHttpRequest(systemClock, origin).api);
      const environment = `ACMEPROXY_ENDPOINT=${served.origin}/acme\nACMEPROXY_USERNAME=acme\nACMEPROXY_PASSWORD=wr0ng-password`;
      const error = await failure(connect({ script: 'dns_acmeproxy', environment }).append(value, signal));
      expect(error.code).toBe('dns/script-failed');
      expect(error.message).toBe(
        'acme.sh’s dns_acmeproxy failed to change _acme-challenge.example.test: Error encountered during record addition; who are you?',
      );
      expect(error.hint).toContain('Check the variables of dns_acmeproxy in `environment`');
      await served.close();
    });
  });

  it('dns_nsupdate changes a zone of BIND', async () => {
    const bind = await startBind({ zones: [{ name: zone }] });
    const environment = `NSUPDATE_SERVER=127.0.0.1\nNSUPDATE_SERVER_PORT=${bind.port}\nNSUPDATE_KEY=${bind.keyFile}`;
    const provider = connect({ script: 'dns_nsupdate', environment });
    await provider.check?.(zone, signal);
    await provider.append(value, signal);
    await provider.append({ ...value, value: 'second' }, signal);
    expect((await bind.txt(zone)).map((one) => one.value).sort()).toEqual([digest, 'second']);
    await provider.remove(value, undefined, signal);
    expect(await bind.txt(zone)).toEqual([]);
    await bind.stop();
  });

  it('gives the credentials to the script alone, and stores nothing', async () => {
    const home = await homeWith(`
      dns_probe_add() {
        _saveaccountconf_mutable PROBE_KEY "$PROBE_KEY"
        _savedomainconf PROBE_KEY "$PROBE_KEY"
        tr '\\0' ' ' </proc/$$/cmdline >"$PROBE_OUT"
        printf '\\n%s' "" "$1" "$2" "$PROBE_KEY" "\${CERTFLEET_ROOT-none}" "$LE_CONFIG_HOME" "$TMPDIR" >>"$PROBE_OUT"
      }
      dns_probe_rm() { return 0; }`);
    const out = join(await temporaryFolder('acmesh-out'), 'out');
    const environment = `# a comment\nPROBE_KEY="a key's text" # another\nPROBE_OUT=${out}`;
    await connect({ script: 'dns_probe', environment, home }).append(value, signal);
    const seen = readFileSync(out, 'utf8').trim().split('\n');
    expect(seen.slice(-6, -2)).toEqual([value.name, digest, "a key's text", 'none']);
    expect(seen.slice(0, -6).join('\n')).not.toContain("a key's text");
    for (const own of seen.slice(-2)) expect(await readdir(own).catch(() => 'gone')).toBe('gone');
    expect((await readdir(home)).sort()).toEqual(['acme.sh', 'dnsapi']);
  });

  it.each([
    ['a script that is not there', 'dns_absent', 0o755, 'config/invalid', /`script` must be one of those in/],
    [
      'a folder that every user can change',
      'dns_probe',
      0o777,
      'config/untrusted-code',
      /can be changed by every user/,
    ],
  ])('refuses %s', async (_what, script, mode, code, message) => {
    const home = await homeWith('dns_probe_add() { return 0; }', mode);
    const provider = connect({ script, home });
    for (const call of [provider.append(value, signal), provider.check!(zone, signal)]) {
      const error = await failure(call);
      expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    }
  });

  it('refuses a home without acme.sh', async () => {
    const home = await temporaryFolder('acmesh');
    const error = await failure(connect({ script: 'dns_probe', home }).append(value, signal));
    expect(error.message).toBe(`dns: there is no ${home}/acme.sh: install acme.sh, or name its folder in \`home\``);
  });

  it('stops a script that takes too long, and says which', async () => {
    const home = await homeWith('dns_probe_add() { sleep 60; }');
    const error = await failure(connect({ script: 'dns_probe', home, timeout: '300ms' }).append(value, signal));
    expect([error.code, error.message]).toEqual(['process/timeout', expect.stringContaining('`dns_probe_add`')]);
  });
});
