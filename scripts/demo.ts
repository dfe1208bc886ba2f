import { parseArgs } from 'node:util';
import { stopAll, until } from '../test/support/service.ts';
import { demoCloud } from './demo/cloud.ts';
import { fetchPage } from './demo/page.ts';
import { showPages } from './demo/pages.ts';
import { type Rig, startRig } from './demo/rig.ts';
import { aside, certfleet, DoesNotHold, holds, keep, result, sentence, typed } from './demo/show.ts';

// `npm run demo`: certificates from a real CA server (Pebble, Let's Encrypt's own test CA), on this machine only.
//
//   npm run demo                              runs everything, then stops the servers
//   npm run demo -- --balancer alibaba-clb    behind a load balancer of Alibaba Cloud, which is a strict fake here
//   npm run demo -- --keep                    leaves the servers running until Ctrl-C

const { values: flags } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, balancer: { type: 'string' } },
});

/** Fetches a page through HAProxy. */
const fetchFrom = (rig: Rig, host: string) => fetchPage(rig.haproxy.httpsPort, host, rig.root);

const challengeValues = async (rig: Rig): Promise<readonly string[]> => {
  const all = await rig.bind.txt('example.test');
  return all.filter(({ name }) => name === '_acme-challenge.example.test').map(({ value }) => value);
};

async function showChallengeValues(rig: Rig): Promise<readonly string[]> {
  typed(`dig +short @${rig.bind.address} -p ${rig.bind.port} _acme-challenge.example.test TXT`);
  const values = await challengeValues(rig);
  result(values.length > 0 ? values.map((value) => `"${value}"`).join('\n') : '(none)');
  return values;
}

async function issueBoth(rig: Rig): Promise<void> {
  sentence('Get a certificate over HTTP-01. The CA’s request goes through the load balancer to certfleet’s responder.');
  const abc = await certfleet(['issue', 'abc'], { cwd: rig.folder });
  holds(abc.code === 0, `certfleet issue abc ended with ${abc.code}`);

  sentence('Get a certificate for example.test and *.example.test over DNS-01: two TXT values at one name, in BIND.');
  const wildcard = await certfleet(['issue', 'wildcard'], { cwd: rig.folder });
  holds(wildcard.code === 0, `certfleet issue wildcard ended with ${wildcard.code}`);
  holds((await challengeValues(rig)).length === 0, 'TXT values are still there after the issue');
}

async function fetchAll(rig: Rig): Promise<string> {
  sentence('HAProxy serves both without a reload. Every chain is verified against Pebble’s root.');
  let serial = '';
  for (const host of ['abc.example.test', 'example.test', 'www.example.test']) {
    const url = `https://${host}:${rig.haproxy.httpsPort}/`;
    // These names are in BIND alone, so curl is given the address.
    typed(`curl --cacert root.pem --connect-to ::127.0.0.1: ${url}`);
    const fetched = await fetchFrom(rig, host).catch((error: Error) => {
      throw new DoesNotHold(`${url} cannot be fetched: ${error.message}`);
    });
    holds(/^hello from web node [123]$/.test(fetched.body), `${url} answered ${fetched.body}`);
    result(`${fetched.body}, certificate ${fetched.serial.toLowerCase()}`);
    if (host === 'abc.example.test') serial = fetched.serial;
  }
  return serial;
}

async function renew(rig: Rig, before: string): Promise<void> {
  sentence('Renew one of them now, while requests keep coming.');
  let [requests, failed, over] = [0, 0, false];
  const visitors = (async () => {
    while (!over) {
      requests++;
      await fetchFrom(rig, 'abc.example.test').catch(() => failed++);
    }
  })();
  const renewed = await certfleet(['renew', '--force', '--name', 'abc'], { cwd: rig.folder });
  over = true;
  await visitors;
  holds(renewed.code === 0, `certfleet renew ended with ${renewed.code}`);
  holds(failed === 0, `${failed} of ${requests} requests failed during the renewal`);
  const { serial } = await fetchFrom(rig, 'abc.example.test');
  holds(serial !== before, 'the old certificate is still served');
  result(`${requests} requests during the renewal, none failed; now certificate ${serial.toLowerCase()}`);
}

async function killAndSweep(rig: Rig): Promise<void> {
  sentence('A kill -9 in the middle of an order. The CA is stopped for a moment, so that the kill hits the middle.');
  // Nearly always two: once in a hundred times Pebble reuses an authorization although it should not.
  let expected = 2;
  const killed = await certfleet(['issue', 'wildcard', '--force', '--json'], {
    cwd: rig.folder,
    onLine: (line, kill) => {
      const event = JSON.parse(line) as { event: string; message: string; data?: { step?: string } };
      if (event.event !== 'certificate.step' || event.data?.step !== 'challenges') return;
      rig.pebble.service.signal('SIGSTOP');
      expected = Number(/\d+/.exec(event.message)?.[0] ?? expected);
      const isThere = async () => (await challengeValues(rig)).length === expected;
      void until(isThere, { what: 'the TXT values are in the zone' })
        .catch(() => undefined) // reported below, where the values are read again
        .then(kill);
    },
  }).finally(() => rig.pebble.service.signal('SIGCONT'));
  result(killed.signal ? `killed by ${killed.signal}` : `not killed: it ended with ${killed.code}`);
  holds(killed.signal === 'SIGKILL', 'the issue was not killed in the middle');
  holds((await showChallengeValues(rig)).length === expected, `the kill should have left ${expected} TXT values`);

  sentence('Every change was journalled before it was made, so the next process knows what to remove.');
  const swept = await certfleet(['sweep'], { cwd: rig.folder });
  holds(swept.code === 0, `certfleet sweep ended with ${swept.code}`);
  holds((await showChallengeValues(rig)).length === 0, 'the sweep left TXT values behind');

  sentence('The order is not lost either: the next run continues it.');
  const resumed = await certfleet(['renew'], { cwd: rig.folder });
  holds(resumed.code === 0, `certfleet renew ended with ${resumed.code}`);
  holds((await challengeValues(rig)).length === 0, 'TXT values are still there after the renewal');
  await fetchFrom(rig, 'www.example.test');
}

async function demo(): Promise<void> {
  const started = performance.now();
  sentence('Start a CA (Pebble), a DNS server (BIND), and three web nodes behind HAProxy, on this machine only.');
  const rig = await startRig();
  result(`CA ${rig.pebble.directoryUrl}, DNS ${rig.bind.server}`);
  result(`HAProxy http ${rig.haproxy.httpPort}, https ${rig.haproxy.httpsPort}, web nodes ${rig.webNodes.join(', ')}`);
  const checked = await certfleet(['config', 'check'], { cwd: rig.folder });
  holds(checked.code === 0, `certfleet config check ended with ${checked.code}`);

  await issueBoth(rig);
  const serial = await fetchAll(rig);
  await renew(rig, serial);
  await killAndSweep(rig);

  sentence('See the certificates and what comes next.');
  const status = await certfleet(['status'], { cwd: rig.folder });
  holds(status.code === 0, `certfleet status ended with ${status.code}`);
  holds(/\babc\b/.test(status.output) && /\bwildcard\b/.test(status.output), 'status does not show both certificates');

  const pages = await showPages(rig);

  sentence(`Everything worked (${((performance.now() - started) / 1000).toFixed(1)} s).`);
  if (flags.keep) await keep(rig.folder, ['status', 'show abc', 'renew --force --name abc', 'user link']);
  else aside('`npm run demo -- --keep` leaves the pages open.');
  await pages.stop();
}

function forARealDomain(): void {
  sentence('For your own domain, on a machine that the internet can reach on port 80:');
  for (const [line, why] of [
    ['npm pack && sudo npm install --global ./certfleet-0.1.0.tgz', 'install certfleet'],
    ['sudo certfleet issue -d www.example.com --agree-tos --staging', 'get a test certificate'],
    ['sudo certfleet issue -d www.example.com --agree-tos --deploy files:/etc/certs', 'get the real one'],
    ['sudo certfleet renew --quiet', 'renew: hourly, from cron'],
  ] as const)
    typed(`${line.padEnd(78)} # ${why}`);
}

try {
  if (flags.balancer === undefined) {
    await demo();
    forARealDomain();
  } else if (flags.balancer === 'alibaba-clb') await demoCloud(flags.keep);
  else throw new DoesNotHold(`there is no balancer ${flags.balancer} to show; try --balancer alibaba-clb`);
} catch (error) {
  if (!(error instanceof DoesNotHold)) throw error;
  console.error(`\nThe demo failed: ${error.message}.`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
