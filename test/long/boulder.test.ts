import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Boulder, boulderPrograms, startBoulder } from '../support/boulder.ts';
import { startDaemon } from '../support/daemon.ts';
import { buildCertfleet, type Certfleet, documents, readLineage, rewriteLineage, stderrOf } from '../support/e2e.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Let's Encrypt's own software, for what other CAs lack: rate limits that exempt renewals with `replaces`, paused and
// deactivated accounts, profiles with limits, incidents. The tests move time in its database.

stopAllAfterwards();

describeWith(boulderPrograms, 'Boulder', () => {
  let boulder: Boulder;
  let certfleet: Certfleet;
  beforeAll(async () => {
    const limits = {
      CertificatesPerFQDNSet: { count: 1, burst: 1, period: '168h' },
      // A refused order has its token within 0.4 s, for which Boulder sends no Retry-After.
      NewOrdersPerAccount: { count: 5, burst: 1, period: '2s' },
    };
    [boulder, certfleet] = await Promise.all([startBoulder(limits), buildCertfleet()]);
  });

  /** A new store with a new account. */
  async function machine() {
    const store = `${await temporaryFolder('store')}/store`;
    const run = (...args: readonly string[]) => certfleet([...args, '--store', store], { inside: boulder.inside });
    const { directoryUrl, caFile, resolver } = boulder;
    const web = `standalone:${boulder.webAddress}:80`;
    const flags = ['--issuer', directoryUrl, '--http', web, '--ca-file', caFile, '--agree-tos', '--resolver', resolver];
    return {
      store,
      run,
      issue: (...args: readonly string[]) => run('issue', ...args, ...flags),
      account: async () => [...(await documents(store, 'account')).values()][0] ?? '',
      lineage: (name: string) => readLineage(store, name),
    };
  }
  type Machine = Awaited<ReturnType<typeof machine>>;
  const idOf = async ({ account }: Machine): Promise<string> =>
    (JSON.parse(await account()) as { url: string }).url.split('/').at(-1) ?? '';

  it('has an order that a crash lost: the renewal waits no longer than that order lives', async () => {
    const here = await machine();
    const { run, store } = here;
    const name = 'lost.example.com';
    expect((await here.issue('-d', name)).status).toBe(0);
    const { current } = await here.lineage(name);
    // Two thirds of the lifetime are over, so an order with `replaces` is exempt from the limits.
    const { serial, ariId } = current!.facts;
    await boulder.sql(
      `update certificates set issued=issued-interval 60 day, expires=expires-interval 60 day where serial='${serial.padStart(36, '0')}'`,
    );
    // Like a certfleet that is killed before it stores the answer.
    const order = { identifiers: [{ type: 'dns', value: name }], replaces: ariId };
    await boulder.post(await here.account(), 'newOrder', order);

    const refusals = async (...args: readonly string[]) => {
      const before = (await boulder.newOrders(await idOf(here))).length;
      const refused = await run('renew', ...args);
      expect(refused.status, refused.stderr).toBe(4);
      expect(stderrOf(refused)).toContain('too many certificates (1) already issued for this exact set');
      const { failure } = await here.lineage(name);
      expect(failure?.code).toBe('acme/open-order');
      expect(Date.parse(failure?.holdUntil ?? '') - Date.now()).toBeLessThanOrEqual(3_600_000);
      return (await boulder.newOrders(await idOf(here))).slice(before).map(({ status }) => status);
    };
    expect(await refusals('--force')).toEqual([409, 429]);
    // It becomes due, and then an hour passes.
    const past = '2026-01-01T00:00:00.000Z';
    await rewriteLineage(store, name, ({ failure: _over, ...lineage }) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: past },
    }));
    expect(await refusals()).toEqual([409, 429]);
    const isOver = { at: past, retryAt: past, holdUntil: past };
    await rewriteLineage(store, name, (lineage) => ({ ...lineage, failure: { ...lineage.failure!, ...isOver } }));
    expect(await refusals()).toEqual([409]);

    await boulder.sql(
      `update orders set expires=utc_timestamp()-interval 1 minute where registrationID=${await idOf(here)}`,
    );
    await rewriteLineage(store, name, ({ failure: _over, ...lineage }) => lineage);
    const renewed = await run('renew', '--force');
    expect(renewed.status, renewed.stderr).toBe(0);
    expect((await here.lineage(name)).current?.id).not.toBe(current!.id);
  });

  it('has a limit that ends in less than half a second: certfleet takes it for no pause', async () => {
    const here = await machine();
    expect((await here.issue('-d', `first-${Date.now()}.example.com`)).status).toBe(0);
    const names = Array.from({ length: 4 }, (_, n) => `soon-${n}-${Date.now()}.example.com`);
    const config = join(await temporaryFolder('config'), 'certfleet.yaml');
    const { directoryUrl, caFile, resolver, webAddress } = boulder;
    const all = {
      issuers: { boulder: { directory: directoryUrl, caFile, agreeToTerms: true, test: true } },
      solvers: { web: { type: 'http01-responder', listen: `${webAddress}:80` } },
      certificates: names.map((name) => ({ name, identifiers: [name] })),
      preflight: { resolvers: [resolver] },
    };
    await writeFile(config, JSON.stringify(all));
    const issued = await here.run('renew', '--config', config);
    expect(issued.status, issued.stderr).toBe(0);
    const statuses = (await boulder.newOrders(await idOf(here))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201).length).toBe(1 + names.length);
    expect(statuses).toContain(429);
  });

  it('refuses a forced renewal: the certificate is not failing, and renew does not repeat it', async () => {
    const here = await machine();
    const name = `forced-${Date.now()}.example.com`;
    expect((await here.issue('-d', name)).status).toBe(0);
    const { renewal } = await here.lineage(name);
    const refused = await here.run('renew', '--force', name);
    expect(refused.status).toBe(4);
    expect(stderrOf(refused)).toContain('too many certificates (1) already issued for this exact set');
    const status = async () => (await here.run('status', '--json')).events[0];
    const left = { name, state: 'valid', renewAt: renewal!.at, failure: { notDue: true, retryAt: renewal!.at } };
    expect(await status()).toMatchObject(left);
    expect((await here.run('status')).stdout).not.toMatch(/failing|retry in/);

    // Its hold is over.
    const past = '2026-01-01T00:00:00.000Z';
    const isOver = { at: past, retryAt: past, holdUntil: past };
    await rewriteLineage(here.store, name, (one) => ({ ...one, failure: { ...one.failure!, ...isOver } }));
    const before = await boulder.newOrders(await idOf(here));
    expect((await here.run('renew')).status).toBe(0);
    expect(await boulder.newOrders(await idOf(here))).toEqual(before);
    expect(await status()).toMatchObject({ name, state: 'valid' });
  });

  it('conformance 13: issues for an address with the profile shortlived, and for an RSA key', async () => {
    const here = await machine();
    const issued = await here.issue('-d', boulder.webAddress, '--profile', 'shortlived', '--key-type', 'rsa2048');
    expect(issued.status, issued.stderr).toBe(0);
    const { current } = await here.lineage(boulder.webAddress);
    expect(current).toMatchObject({ keyType: 'rsa2048', facts: { identifiers: [{ type: 'ip' }] } });
  });

  it('conformance 10: names names that it refuses in its text alone, one after the other, and they are dropped', async () => {
    const here = await machine();
    const name = `good-${Date.now()}.example.com`;
    const bad = ['one.without-suffix', 'two.without-suffix'];
    const issued = await here.issue('-d', [name, ...bad].join(','), '--on-failed-name', 'drop');
    expect(issued.status, issued.stderr).toBe(0);
    for (const one of bad) expect(issued.stdout).toContain(`without ${one}: `);
    expect((await here.lineage(name)).current?.facts.identifiers).toEqual([{ type: 'dns', value: name }]);
  });

  it('conformance 22: refuses dates, and the hint says so', async () => {
    const here = await machine();
    const refused = await here.issue('-d', `dates-${Date.now()}.example.com`, '--not-after', '30d');
    expect(refused.status).toBe(4);
    expect(stderrOf(refused)).toContain('leave out `notBefore` and `notAfter`');
  });

  it('validates a name and its wildcard by the records of dns-persist-01', async () => {
    const here = await machine();
    expect((await here.issue('-d', `first-${Date.now()}.example.com`)).status).toBe(0);
    const account = await here.account();
    // Its first prefix of account URLs is not the one that certfleet uses.
    const value = `ca.boulder-kit.net; accounturi=http://10.78.0.1:4001/acme/acct/${await idOf(here)}`;
    expect(await boulder.persist(account, ['once.example.com', '*.twice.example.com'])).toEqual(
      expect.arrayContaining([
        { value, status: 'valid' },
        { value: `${value}; policy=wildcard`, status: 'valid' },
      ]),
    );
  });

  it('deactivates an account: certfleet reports it, and opens a new one on request', async () => {
    const here = await machine();
    expect((await here.issue('-d', 'closed.example.com')).status).toBe(0);
    await boulder.post(await here.account(), 'account', { status: 'deactivated' });
    const before = await idOf(here);
    const refused = await here.issue('-d', 'next.example.com');
    expect(refused.status).toBe(4);
    expect(stderrOf(refused)).toContain('is deactivated');
    expect(stderrOf(refused)).toContain('`certfleet issue next.example.com --new-account');
    expect(await idOf(here)).toBe(before);

    const opened = await here.run('issue', 'next.example.com', '--new-account');
    expect(opened.status, opened.stderr).toBe(0);
    expect(await idOf(here)).not.toBe(before);
    // The old account's certificate is renewed, although the new account cannot replace it.
    const other = await here.issue(
      '-d',
      'closed.example.com',
      '-d',
      'www.closed.example.com',
      '--name',
      'closed.example.com',
    );
    expect(other.status, other.stderr).toBe(0);
  });

  it('replaces the key of an account, refuses a type that it does not take, and closes the account', async () => {
    const [here, at] = [await machine(), Date.now()];
    expect((await here.issue('-d', `first-${at}.example.com`)).status).toBe(0);
    const before = await idOf(here);
    const rolled = await here.run('account', 'rollover', '--account-key', 'ES384');
    expect(rolled.status, rolled.stderr).toBe(0);
    const refused = await here.run('account', 'rollover', '--account-key', 'EdDSA');
    expect(refused.status).toBe(4);
    expect(stderrOf(refused)).toContain('ES384');
    const second = await here.issue('-d', `second-${at}.example.com`);
    expect(second.status, second.stderr).toBe(0);
    expect(await idOf(here)).toBe(before);
    const updated = await here.run('account', 'update', '--email', 'ops@example.com');
    expect(updated.stdout + updated.stderr).toContain('keeps no addresses');
    expect((await here.run('account', 'deactivate', '--yes')).status).toBe(0);
    expect(stderrOf(await here.issue('-d', `third-${at}.example.com`))).toContain('is deactivated');
  });

  it('pauses an account for a name: renew leaves it alone until a person acts', async () => {
    const here = await machine();
    expect((await here.issue('-d', 'first.example.com')).status).toBe(0);
    const id = await idOf(here);
    await boulder.sql(`insert into paused values (${id},0,'paused.example.com',utc_timestamp(),null)`);
    const paused = await here.issue('-d', 'paused.example.com');
    expect(paused.status).toBe(4);
    expect(stderrOf(paused)).toMatch(/visit: ?https?:\/\/\S+unpause\?jwt=/);
    expect(stderrOf(paused)).toContain('`certfleet issue paused.example.com');
    const { failure } = await here.lineage('paused.example.com');
    expect(Date.parse(failure?.retryAt ?? '') - Date.now()).toBeGreaterThan(23 * 3_600_000);
    expect((await here.run('renew')).status).toBe(0);
    await boulder.sql(`update paused set unpausedAt=utc_timestamp() where registrationID=${id}`);
    expect((await here.run('issue', 'paused.example.com')).status).toBe(0);
  });

  it('has an incident: the pass that finds it renews, and prints the page', async () => {
    const here = await machine();
    const name = 'incident.example.com';
    expect((await here.issue('-d', name)).status).toBe(0);
    const { current } = await here.lineage(name);
    const serial = current!.facts.serial.padStart(36, '0');
    await boulder.sql(
      [
        'create table incident_one (serial varchar(255) not null, registrationID bigint, orderID bigint, lastNoticeSent datetime, primary key (serial))',
        `insert into incident_one values ('${serial}', 1, 1, null)`,
        "insert into incidents (serialTable, url, renewBy, enabled) values ('incident_one', 'https://ca.example/incident', utc_timestamp() + interval 1 day, 1)",
      ].join('; '),
    );
    await rewriteLineage(here.store, name, ({ renewal, ...lineage }) => ({
      ...lineage,
      current: { ...lineage.current!, issuedAt: '2026-01-01T00:00:00.000Z' },
      renewal: { ...renewal!, checkAfter: '2026-01-01T00:00:00.000Z' },
    }));
    const ran = await here.run('renew');
    expect(stderrOf(ran)).toContain('explains why at https://ca.example/incident');
    // The limit for the exact set is used up, and Boulder exempts no urgent window.
    expect(ran.status, ran.stderr).toBe(4);
  });

  it('exempts what the daemon orders in a window, and not what it must order because of a revocation', async () => {
    const here = await machine();
    const [due, revoked] = [`due-${Date.now()}.example.com`, `revoked-${Date.now()}.example.com`];
    for (const name of [due, revoked]) expect((await here.issue('-d', name)).status).toBe(0);
    const before = await Promise.all([due, revoked].map(here.lineage));
    const [serialOfDue = '', serialOfRevoked = ''] = before.map(({ current }) =>
      current!.facts.serial.padStart(36, '0'),
    );
    // Ten minutes of the window are left, so the daemon orders at once, whatever instant it draws.
    const end = Date.parse(before[0]!.renewal!.window!.end);
    const seconds = Math.round((end - Date.now()) / 1000) - 600;
    await boulder.sql(
      [
        `update certificates set issued=issued-interval ${seconds} second, expires=expires-interval ${seconds} second where serial='${serialOfDue}'`,
        `update certificateStatus set status='revoked', revokedDate=utc_timestamp(), revokedReason=1 where serial='${serialOfRevoked}'`,
      ].join('; '),
    );
    const daemon = startDaemon({
      certfleet: (args, options) => certfleet([...args, '--store', here.store], { ...options, inside: boulder.inside }),
    });
    await daemon.saw('"run.ready"');
    const ordersBefore = (await boulder.newOrders(await idOf(here))).length;
    const nowMs = Date.now();
    for (const name of [due, revoked])
      await rewriteLineage(here.store, name, ({ current, renewal, ...lineage }) => ({
        ...lineage,
        current: { ...current!, issuedAt: new Date(nowMs - 2 * 3_600_000).toISOString() },
        renewal: { ...renewal!, checkAfter: new Date(nowMs + 1_000).toISOString() },
      }));
    const renewed = async () => {
      const { current, work } = await here.lineage(due);
      return work === undefined && current!.id !== before[0]!.current!.id;
    };
    await until(renewed, { what: 'it is renewed', deadlineMs: 60_000 });
    const refused = async () => (await here.lineage(revoked)).failure;
    const failure = await until(refused, { what: 'it is refused', deadlineMs: 60_000 });
    expect(await daemon.stop()).toMatchObject({ status: 0 });

    const { window } = before[0]!.renewal!;
    const moved = (text: string) => Date.parse(text) - seconds * 1_000;
    const orders = (await boulder.newOrders(await idOf(here))).slice(ordersBefore);
    expect(orders.map(({ status }) => status).sort()).toEqual([201, 429]);
    for (const { atMs } of orders) expect(atMs >= moved(window!.start) && atMs < moved(window!.end)).toBe(true);
    expect(failure.code).toBe('acme/rate-limited');
    expect(Date.parse(failure.holdUntil ?? '') - nowMs).toBeGreaterThan(6 * 86_400_000);
    const { renewal, current } = await here.lineage(revoked);
    expect(current!.id).toBe(before[1]!.current!.id);
    const [from, to] = [renewal!.window!.start, renewal!.window!.end].map((at) => (nowMs - Date.parse(at)) / 60_000);
    // Boulder's: from an hour ago to half an hour ago.
    expect([Math.round(from! / 5), Math.round(to! / 5)]).toEqual([12, 6]);
  });

  describe('refuses an order, and certfleet says what helps', () => {
    const many = Array.from({ length: 26 }, (_, n) => ['-d', `n${n}.example.com`]).flat();
    it.each<[string, readonly string[], string]>([
      ['26 names on tlsserver', [...many, '--name', 'many', '--profile', 'tlsserver'], '`--profile classic`'],
      [
        'an IP address on classic',
        ['-d', '64.112.117.122,with-ip.example.com', '--name', 'address'],
        '`--profile shortlived`',
      ],
    ])('%s', async (_title, args, words) => {
      const { issue } = await machine();
      const refused = await issue(...args);
      expect(refused.status).toBe(4);
      expect(stderrOf(refused)).toContain(words);
    });

    it('for a name whose servers fail, and for one whose CAA records name another CA', async () => {
      const { issue } = await machine();
      await boulder.dns('set-servfail', { host: 'broken.example.com.' });
      const broken = stderrOf(await issue('-d', 'broken.example.com'));
      expect(broken).toContain('SERVFAIL');
      expect(broken).toContain('that every name server of its zone answers');
      expect(broken).not.toContain('port 80');

      const policies = [{ tag: 'issue', value: 'other.example' }];
      await boulder.dns('add-caa', { host: 'theirs.example.com.', policies });
      expect(stderrOf(await issue('-d', 'theirs.example.com'))).toContain('add `0 issue "ca.boulder-kit.net"`');
    });
  });

  it('revokes with account or key, and takes only four reasons; the next certificate counts towards the limits', async () => {
    const here = await machine();
    const name = `revoked-${Date.now()}.example.com`;
    expect((await here.issue('-d', name)).status).toBe(0);
    const { serial } = (await here.lineage(name)).current!.facts;
    const atCa = async () => {
      const sql = `select status, revokedReason from certificateStatus where serial='${serial.padStart(36, '0')}'`;
      return (await boulder.sql(sql)).trim().replaceAll(/\s+/g, ' ');
    };
    const refused = await here.run('revoke', name, '--reason', 'affiliationChanged', '--yes');
    expect([refused.status, await atCa()]).toEqual([4, 'good 0']);
    const done = await here.run('revoke', name, '--reason', 'superseded', '--yes');
    expect([done.status, await atCa()]).toEqual([0, 'revoked 4']);
    // With its key, a certificate can be revoked again, now as compromised. The next one is no renewal by ARI, whose
    // window of a revoked certificate is past, and this Boulder allows one certificate a week.
    const again = await here.run('revoke', name, '--reason', 'keyCompromise', '--with', 'certificate-key', '--yes');
    expect([again.status, await atCa()]).toEqual([4, 'revoked 1']);
    const { current, failure } = await here.lineage(name);
    expect([current?.revoked?.reason, current?.compromised, failure?.code]).toEqual([
      'keyCompromise',
      true,
      'acme/rate-limited',
    ]);
  });

  it('keeps to the CAA records that pin a name to an account and a challenge, and so does the preflight', async () => {
    const [here, stranger] = [await machine(), await machine()];
    const name = 'pinned.example.com';
    expect((await here.issue('-d', name)).status).toBe(0);
    const printed = await here.run('caa', name);
    expect([printed.status, printed.stdout]).toEqual([0, expect.stringContaining('today allows it: no CAA record')]);
    const { url } = JSON.parse(await here.account()) as { readonly url: string };
    const line = `${name}. CAA 0 issue "ca.boulder-kit.net; accounturi=${url}; validationmethods=http-01"`;
    expect(printed.stdout.split('\n')).toContain(line);
    const value = line.slice(line.indexOf('"') + 1, -1);
    await boulder.dns('add-caa', { host: `${name}.`, policies: [{ tag: 'issue', value }] });

    // The records are those of the names below, too.
    const below = await here.issue('-d', `www.${name}`);
    expect(below.status, below.stderr).toBe(0);
    const again = await here.run('caa', `www.${name}`);
    expect(again.stdout).toContain(`;   ${name} CAA 0 issue "${value}"`);

    expect((await stranger.issue('-d', 'stranger.example.com')).status).toBe(0);
    // This DNS has no SOA records, so the preflight warns only, and Boulder shows that it is right.
    const refused = await stranger.issue('-d', `other.${name}`);
    expect(refused.status).toBe(4);
    expect(stderrOf(refused)).toMatch(/validationmethods=http-01", for another account;.* prevents issuance/);

    const overTls = ['--tls-alpn', `${boulder.webAddress}:443`];
    const { directoryUrl, caFile, resolver } = boulder;
    const flags = ['--issuer', directoryUrl, '--ca-file', caFile, '--agree-tos', '--resolver', resolver, ...overTls];
    const otherMethod = await here.run('issue', '-d', `tls.${name}`, ...flags);
    expect(otherMethod.status).toBe(4);
    expect(stderrOf(otherMethod)).toMatch(/validationmethods=http-01", without tls-alpn-01;.* prevents issuance/);
    const allowed = await here.run('issue', '-d', 'over-tls.example.com', ...flags);
    expect(allowed.status, allowed.stderr).toBe(0);
  });
});
