import { createPublicKey } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import { testCertificate, testParty } from '../../src/x509/test-certificates.ts';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { declaredOf, storedOf } from '../support/declared.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  outcomesOf,
  type Ran,
  readLineage,
  rewriteLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { findProgram, freePort, temporaryFolder } from '../support/service.ts';
import { fingerprintOfFile } from '../support/versions.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// `issue` by flags, run again with other flags: each changes only its own setting.

stopAllAfterwards();

const name = 'www.example.test';

describe('flags of a second issue', () => {
  let certfleet: Certfleet;
  let ca: AcmeCa;
  let other: AcmeCa;
  beforeAll(async () => {
    const settings = { validate: () => validate() };
    [certfleet, ca, other] = await Promise.all([
      buildCertfleet(),
      startAcmeCa({ settings }),
      startAcmeCa({ settings }),
    ]);
  });

  let validate: () => Promise<undefined>;
  let folder: string;
  let store: string;
  let webroot: string;
  let orders: readonly [number, number];
  let finalized: number;
  beforeEach(async () => {
    [folder, webroot] = [await temporaryFolder('flags'), await temporaryFolder('webroot')];
    store = join(folder, 'store');
    validate = async () => undefined;
    finalized = ca.accepted('finalize');
    orders = [ca.accepted('newOrder'), other.accepted('newOrder')];
  });

  const run = (...args: readonly string[]): Promise<Ran> => certfleet([...args, '--store', store]);
  const newOrders = () => [ca.accepted('newOrder') - orders[0], other.accepted('newOrder') - orders[1]];
  const targetOf = (folderName: string) => `files:${join(folder, folderName)}`;
  const fingerprint = (folderName: string) => fingerprintOfFile(join(folder, folderName, `live/${name}/cert.pem`));
  /** Nothing answers over HTTP here, so the preflight cannot tell; the CA accepts everything. */
  const first = () =>
    run(
      ...['issue', '-d', name, '--issuer', ca.directoryUrl, '--ca-file', ca.caFile, '--agree-tos'],
      ...['--email', 'ops@example.com', '--http', `webroot:${webroot}`, '--deploy', targetOf('a')],
      ...['--resolver', '127.0.0.1:1', '--profile', 'default', '--ignore-preflight'],
    );
  const stored = async () => {
    const { spec, issuer, preflight } = declaredOf((await readLineage(store, name)).spec);
    return { ...spec, email: issuer.email, agreed: issuer.agreeToTerms, resolvers: preflight.resolvers };
  };

  it('one more flag keeps the CA, the e-mail, the targets and all other settings', async () => {
    succeeded(await first());
    const before = await stored();
    const config = join(folder, 'certfleet.yaml');
    await writeFile(config, JSON.stringify({ deployTimeout: '1s' }));
    const again = await run('issue', '-d', name, '--endpoint', '127.0.0.1:1', '--config', config);
    // The endpoint refuses connections: pending, and no order.
    expect(again.status, stderrOf(again)).toBe(6);
    expect(newOrders()).toEqual([1, 0]);
    expect(await stored()).toEqual({ ...before, endpoints: ['127.0.0.1:1'] });
    expect(stderrOf(again)).toContain('endpoints: none → 127.0.0.1:1');
    for (const kept of ['issuer:', 'e-mail:', 'targets:', 'profile:', 'solver:'])
      expect(stderrOf(again)).not.toContain(kept);
  });

  itDrawn('`issue NAME` accepts one flag like `-d`, and delivers to a new target without an order', async () => {
    succeeded(await first());
    const before = await stored();
    const changed = await run('issue', name, '--deploy', `${targetOf('a')},${targetOf('b')}`);
    succeeded(changed);
    expect(changed.stderr).toContain(`targets: ${targetOf('a')} → ${targetOf('a')}, ${targetOf('b')}`);
    expect(newOrders()).toEqual([1, 0]);
    expect(await fingerprint('b')).toBe(await fingerprint('a'));
    expect(await stored()).toEqual({ ...before, deploy: [targetOf('a'), targetOf('b')] });

    const fewer = await run('issue', '--name', name, '--deploy', targetOf('b'));
    succeeded(fewer);
    expect(stderrOf(fewer)).toContain(`${targetOf('a')} is no longer a target; the version that it has stays there`);
    const none = await run('issue', name, '--deploy', 'none', '--profile', 'none');
    succeeded(none);
    expect(stderrOf(none)).toContain('profile: default → none');
    expect(await stored()).toMatchObject({ deploy: [] });
    expect(await stored()).not.toHaveProperty('profile');
  });

  itDrawn('prints changes as events with --json, and nothing if nothing changes', async () => {
    succeeded(await first());
    const changed = await run('issue', name, '--email', 'new@example.com', '--json');
    expect(changed.status, changed.stdout).toBe(0);
    expect(changed.events).toContainEqual(
      expect.objectContaining({
        event: 'certificate.changed',
        certificate: name,
        message: 'e-mail: ops@example.com → new@example.com',
        data: { setting: 'e-mail', from: 'ops@example.com', to: 'new@example.com' },
      }),
    );
    expect(outcomesOf(changed)).toEqual([expect.objectContaining({ result: 'unchanged' })]);
    const same = await first();
    expect(stderrOf(same)).toContain('e-mail: new@example.com → ops@example.com');
    const again = await first();
    succeeded(again);
    expect(again.stderr).not.toContain('→');
    expect(newOrders()).toEqual([1, 0]);
  });

  itDrawn('other names need a new certificate, at the CA that it has', async () => {
    succeeded(await first());
    const more = await run('issue', name, '-d', `${name},api.example.test`, '--ignore-preflight');
    succeeded(more);
    expect(stderrOf(more)).toContain(`identifiers: ${name} → ${name}, api.example.test`);
    expect(newOrders()).toEqual([2, 0]);
    expect(await stored()).toMatchObject({ name, deploy: [targetOf('a')], email: ['ops@example.com'] });
  });

  itDrawn('--issuer moves it without a terminal, but does not agree to the other CA’s terms', async () => {
    succeeded(await first());
    const more = ['--issuer', other.directoryUrl, '--ca-file', other.caFile, '--ignore-preflight'];
    const refused = await run('issue', name, ...more);
    expect(refused.status).toBe(2);
    const host = (url: string) => url.replace('https://', '');
    expect(stderrOf(refused)).toContain(`issuer: ${host(ca.directoryUrl)} → ${host(other.directoryUrl)}`);
    expect(stderrOf(refused)).toContain('requires you to agree to its terms of service');
    expect(newOrders()).toEqual([1, 0]);
    const { issuer } = (await readLineage(store, name)).spec;
    for (const [url, file] of [
      ['https://127.0.0.1:1/directory', other.caFile],
      [other.directoryUrl, join(folder, 'missing.pem')],
    ] as const)
      expect((await run('issue', name, '--issuer', url, '--ca-file', file, '--agree-tos')).status).not.toBe(0);
    expect((await readLineage(store, name)).spec.issuer, 'still the first CA, with its file and terms').toEqual(issuer);
    expect(issuer.settings).toMatchObject({ directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true });

    succeeded(await run('issue', name, ...more, '--agree-tos'));
    expect(newOrders()).toEqual([1, 1]);
    expect(await stored()).toMatchObject({ email: ['ops@example.com'], agreed: true, deploy: [targetOf('a')] });
    expect(await fingerprint('a')).toBe((await readLineage(store, name)).current?.facts.fingerprint);
  });

  itDrawn('asks on a terminal before it moves to another CA', async (context) => {
    const script = findProgram('script', 'system');
    if (script === undefined) {
      noteSkipped('not tested: the question of `issue --issuer` on a terminal (missing: script)');
      return context.skip();
    }
    succeeded(await first());
    const before = await stored();
    const moving = ['--issuer', other.directoryUrl, '--ca-file', other.caFile, '--agree-tos', '--ignore-preflight'];
    const args = ['issue', name, ...moving];
    const typed = (answer: string) => certfleet([...args, '--store', store], { terminal: { script, typed: answer } });

    const no = await typed('n\n');
    expect(no.status, no.stdout).toBe(2);
    expect(no.stdout).toMatch(/from now on\? \[y\/N\]/);
    expect(no.stdout).toMatch(/nothing was\s+changed/);
    expect(await stored()).toEqual(before);
    expect(newOrders()).toEqual([1, 0]);

    const yes = await typed('y\n');
    expect(yes.status, yes.stdout).toBe(0);
    expect(newOrders()).toEqual([1, 1]);
    // The same again: nothing changes, so there is no question.
    const again = await typed('');
    expect(again.status, again.stdout).toBe(0);
    expect(again.stdout).not.toContain('[y/N]');
  });

  itDrawn('one option of the DNS provider changes alone, with the stored secret', async () => {
    const server = `127.0.0.1:${await freePort({ udp: true })}`;
    const config = join(folder, 'certfleet.yaml');
    // Declared only to say where the zone is, because no name server answers for it in these tests.
    const dns = { zone: 'example.test', nameservers: [server] };
    const update = { type: 'dns01', provider: 'rfc2136', options: { server, keyName: 'acme' }, dns, timeout: '1s' };
    await writeFile(config, JSON.stringify({ solvers: { update } }));
    const env = { CERTFLEET_RFC2136_SECRET: Buffer.alloc(32, 7).toString('base64') };
    succeeded(await first());
    const more = ['--dns', 'update', '--force', '--config', config, '--store', store];
    const unchecked = await stored();
    const { spec: before } = await readLineage(store, name);
    const refused = await certfleet(['issue', name, ...more], { env });
    // No server answers there, so nothing of it is stored.
    expect(refused.status, stderrOf(refused)).toBe(5);
    expect(stderrOf(refused)).toContain('its stored settings stay as they were');
    expect(await stored()).toEqual(unchecked);
    more.push('--ignore-preflight');
    const failed = await certfleet(['issue', name, ...more], { env });
    expect(failed.status, stderrOf(failed)).toBe(5);
    expect(stderrOf(failed)).toContain('solver: webroot → update');
    expect(stderrOf(failed).replaceAll(/\s+/g, ' ')).toContain(
      'the certificate and its stored settings stay as they were',
    );
    expect((await readLineage(store, name)).spec).toEqual(before);

    // As if it had been stored without its secret.
    await rewriteLineage(store, name, (lineage) => {
      const declared = declaredOf(lineage.spec);
      const spec = storedOf({ ...declared, spec: { ...declared.spec, solver: 'update' }, solver: update });
      return { ...lineage, spec };
    });
    const changed = await run('issue', name, '--dns-option', 'keyName=other');
    // Its secret was not stored, because the run failed: a mistyped one must not replace one that works.
    expect(changed.status, stderrOf(changed)).toBe(2);
    expect(stderrOf(changed)).toContain('option keyName of update: acme → other');
    expect(stderrOf(changed)).toContain('CERTFLEET_RFC2136_SECRET');
    const again = await certfleet(
      ['issue', name, '--dns-option', 'keyName=other', '--ignore-preflight', '--store', store],
      { env },
    );
    succeeded(again);
    expect(again.stdout).toMatch(/its new settings are stored/);
    expect(declaredOf((await readLineage(store, name)).spec).solver).toMatchObject({
      options: { server, keyName: 'other' },
      dns,
    });
    // Now it is stored, and stays when something else changes without it.
    succeeded(await run('issue', name, '--email', 'none'));
    expect((await documents(store, 'credential')).get(name)).toContain(env.CERTFLEET_RFC2136_SECRET);
  });

  itDrawn('a webroot or a CA file that does not exist is refused, and nothing is stored', async () => {
    succeeded(await first());
    const before = await readLineage(store, name);
    for (const [flags, status, code] of [
      [['--http', `webroot:${join(folder, 'mistyped')}`], 5, 'solver/webroot-unwritable'],
      [['--ca-file', join(folder, 'missing.pem')], 2, 'config/ca-file-unusable'],
    ] as const) {
      const refused = await run('issue', name, ...flags);
      expect(refused.status, stderrOf(refused)).toBe(status);
      expect(stderrOf(refused)).toContain(code);
    }
    expect(await readLineage(store, name)).toEqual(before);
    expect(newOrders()).toEqual([1, 0]);
  });

  itDrawn('--ca-file adds a root, and with --only-this-ca it is the only one', async () => {
    succeeded(await first());
    const party = testParty('another');
    const root = { subject: party.name, issuer: party, publicKey: createPublicKey(party.key), isCa: true };
    const another = join(folder, 'another.pem');
    await writeFile(another, testCertificate(root));
    // The CA's root is one of this machine's, as those of public CAs are.
    const env = { NODE_EXTRA_CA_CERTS: ca.caFile };
    const issue = (...flags: readonly string[]) =>
      certfleet(['issue', name, '--ignore-preflight', '--store', store, ...flags], { env });
    succeeded(await issue('--ca-file', another));
    const before = await readLineage(store, name);
    expect(before.spec.issuer.settings).toMatchObject({ caFile: another });
    const refused = await issue('--only-this-ca');
    expect(refused.status, stderrOf(refused)).toBe(4);
    expect(stderrOf(refused)).toContain('acme/directory-unreachable');
    expect(await readLineage(store, name)).toEqual(before);
    succeeded(await issue('--only-this-ca', '--ca-file', ca.caFile));
    expect((await readLineage(store, name)).spec.issuer.settings).toMatchObject({
      caFile: ca.caFile,
      onlyThisCa: true,
    });
  });

  itDrawn('an unknown name is not a new certificate', async () => {
    succeeded(await first());
    const wrong = await run('issue', 'ww.example.test', '--deploy', targetOf('b'));
    expect(wrong.status).toBe(2);
    expect(stderrOf(wrong)).toMatch(/there is no certificate "ww\.example\.test".*did you mean "www\.example\.test"/);
    expect(stderrOf(wrong)).toContain('-d ww.example.test');
    const renamed = await run('issue', name, '--name', 'other');
    expect(renamed.status).toBe(2);
    expect(stderrOf(renamed)).toMatch(/cannot be renamed/);
  });

  describe('without a name', () => {
    const options = () => [
      ...['--issuer', ca.directoryUrl, '--ca-file', ca.caFile, '--agree-tos', '--resolver', '127.0.0.1:1'],
      ...['--ignore-preflight', '--http', `webroot:${webroot}`],
    ];
    const lineages = async () =>
      Object.fromEntries(
        [...(await documents(store, 'lineage')).values()].map((text) => {
          const { spec } = JSON.parse(text) as Lineage;
          return [spec.name, spec.identifiers.map(({ value }) => value).join(' ')];
        }),
      );

    itDrawn(
      'finds its own certificate beside one for other names, after a kill and in two processes at once',
      async () => {
        succeeded(await run('issue', '-d', 'other.example.test', '--name', name, ...options()));
        const issue = ['issue', '-d', name, ...options()];
        let release = () => {};
        const killWhen = new Promise<void>((asked) => {
          const released = new Promise<undefined>((resolve) => (release = () => resolve(undefined)));
          validate = () => {
            asked();
            return released;
          };
        });
        expect((await certfleet([...issue, '--store', store], { killWhen })).status).toBe('SIGKILL');
        release();
        validate = async () => undefined;
        const both = await Promise.all([run(...issue), run(...issue)]);
        for (const one of both) succeeded(one);
        const again = await run(...issue);
        succeeded(again);
        expect(again.stdout).toContain(`${name}-0001: not due yet`);
        expect(await lineages()).toEqual({ [name]: 'other.example.test', [`${name}-0001`]: name });
        expect(ca.accepted('finalize') - finalized, 'one certificate each').toBe(2);
      },
    );

    it('never mixes the names of two processes that want the same name at once', async () => {
      const wanted = [`${name},a.example.test`, `${name},b.example.test`];
      const both = await Promise.all(wanted.map((names) => run('issue', '-d', names, ...options())));
      expect(both.map(({ status }) => status).sort(), both.map(stderrOf).join('\n')).toEqual([0, 2]);
      const [refused] = both.filter(({ status }) => status === 2);
      expect(stderrOf(refused!)).toContain(`the certificate ${name} also covers`);
      const found = await lineages();
      expect(Object.keys(found)).toEqual([name]);
      expect(wanted.map((names) => names.replace(',', ' '))).toContain(found[name]);
    });
  });

  it('makes no store for refused flags', async () => {
    const refused = await run('issue', '-d', 'a_b.example.test', '--agree-tos');
    expect(refused.status).toBe(2);
    expect(await readdir(store).catch(() => 'none')).toBe('none');
  });

  itDrawn('keeps a solver that was declared at the time', async () => {
    const config = join(folder, 'certfleet.yaml');
    const hook = (id: string) => ({
      type: 'command',
      challenge: 'http-01',
      present: 'true',
      cleanup: 'true',
      env: { ID: id },
    });
    await writeFile(config, JSON.stringify({ solvers: { hook: hook('1'), another: hook('2') } }));
    const common = ['--issuer', ca.directoryUrl, '--ca-file', ca.caFile, '--agree-tos', '--ignore-preflight'];
    succeeded(await run('issue', '-d', name, ...common, '--http', 'hook', '--config', config));
    // Without the configuration: the solver stays as it was declared.
    succeeded(await run('issue', name, '--deploy', targetOf('a')));
    expect(declaredOf((await readLineage(store, name)).spec)).toMatchObject({
      spec: { solver: 'hook' },
      solver: { env: { ID: '1' } },
    });
    const swapped = await run('issue', name, '--http', 'another', '--config', config);
    succeeded(swapped);
    expect(stderrOf(swapped)).toContain('solver: hook → another');
  });

  describe('renew --redeploy', () => {
    it('delivers everything again without an order', async () => {
      succeeded(await first());
      const before = await fingerprint('a');
      await writeFile(join(folder, `a/live/${name}/cert.pem`), 'spoilt');
      const redeployed = await run('renew', '--redeploy');
      succeeded(redeployed);
      expect(redeployed.stdout).toMatch(/^www\.example\.test: every target has it; valid until /);
      expect(await fingerprint('a')).toBe(before);
      expect(newOrders()).toEqual([1, 0]);
    });

    itDrawn('runs the hooks of only the named certificate again', async () => {
      const config = join(folder, 'certfleet.yaml');
      const log = join(folder, 'log');
      const issuers = { own: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } };
      const hook = { type: 'command', challenge: 'http-01', present: 'true', cleanup: 'true' };
      await writeFile(
        config,
        JSON.stringify({
          issuers,
          solvers: { hook },
          deployers: {
            note: { type: 'command', run: `echo "$RENEWED_DOMAINS" >> ${log}`, path: join(folder, 'note') },
          },
          certificates: ['a', 'b'].map((one) => ({
            name: one,
            identifiers: [`${one}.example.test`],
            deploy: ['note'],
          })),
          preflight: { resolvers: ['127.0.0.1:1'] },
        }),
      );
      const ran = async () => (await readFile(log, 'utf8')).trim().split('\n');
      succeeded(await run('issue', '--config', config));
      expect((await ran()).toSorted()).toEqual(['a.example.test', 'b.example.test']);
      succeeded(await run('renew', '--redeploy', '--name', 'b', '--config', config));
      expect((await ran()).slice(2)).toEqual(['b.example.test']);
      succeeded(await run('renew', '--redeploy', '--config', config));
      expect((await ran()).slice(3).toSorted()).toEqual(['a.example.test', 'b.example.test']);
      succeeded(await run('renew', '--config', config));
      expect((await ran()).length).toBe(5);
      expect(newOrders()).toEqual([2, 0]);
    });

    itDrawn('excludes --force, and does nothing without a certificate or a target', async () => {
      const both = await run('renew', '--redeploy', '--force');
      expect(both.status).toBe(2);
      expect(stderrOf(both)).toMatch(
        /--redeploy and --force cannot be used together: --redeploy does not order certificates/,
      );
      succeeded(await first());
      succeeded(await run('issue', name, '--deploy', 'none'));
      const nothing = await run('renew', '--redeploy', '--json');
      expect(nothing.status, nothing.stdout).toBe(0);
      expect(outcomesOf(nothing)).toEqual([expect.objectContaining({ result: 'unchanged' })]);
    });
  });
});
