import { setTimeout as wait } from 'node:timers/promises';
import { balancerId } from '../../test/support/alibaba-cluster.ts';
import { get } from '../../test/support/alibaba-world.ts';
import { type CloudRig, host, startCloudRig } from './cloud-rig.ts';
import { fetchPage } from './page.ts';
import { aside, certfleet, DoesNotHold, holds, keep, result, sentence, typed } from './show.ts';

// `npm run demo -- --balancer alibaba-clb`: the whole circle behind a load balancer of Alibaba Cloud. The balancer is the
// fake of the tests, which was written from Alibaba's documents and forwards real requests; the CA is Pebble.

const challengePath = '/.well-known/acme-challenge/';
const healthPath = `${challengePath}health`;

type Parameters = Readonly<Record<string, string>>;

/** What each call that changes something does, as the console would say it. */
const changes: Readonly<Record<string, (call: Parameters) => string>> = {
  CreateVServerGroup: (call) => `group ${call['VServerGroupName']} made: ${serversIn(call)}`,
  CreateRules: ({ RuleList = '[]' }) => {
    const [rule] = JSON.parse(RuleList) as readonly Parameters[];
    return `rule ${rule?.['RuleName']} made: ${rule?.['Domain'] ?? '*'} ${rule?.['Url']}`;
  },
  SetRule: (call) => `health check of the rule: ${call['HealthCheckURI']}`,
  DeleteRules: () => 'rule removed',
  DeleteVServerGroup: () => 'group removed',
  UploadServerCertificate: (call) => `certificate ${call['ServerCertificateName']} uploaded`,
  SetLoadBalancerHTTPSListenerAttribute: (call) => `HTTPS listener on port ${call['ListenerPort']} has the certificate`,
};

function serversIn({ BackendServers = '[]' }: Parameters): string {
  const servers = JSON.parse(BackendServers) as readonly { readonly ServerId: string; readonly Port: string }[];
  return servers.map(({ ServerId, Port }) => `${ServerId} port ${Port}`).join(', ');
}

/** Prints what happens at the balancer as it happens, until stopped. */
function follow(rig: CloudRig, onRule: () => void = () => {}): () => Promise<void> {
  let [seen, over, wasHealthy] = [rig.clb.records.length, false, false];
  const showCalls = () => {
    for (const { action, code, parameters } of rig.clb.records.slice(seen)) {
      seen++;
      const words = changes[action];
      if (words === undefined || code !== undefined) continue;
      aside(`${balancerId}: ${words(parameters)}`);
      if (action === 'CreateRules') onRule();
    }
  };
  const following = (async () => {
    while (!over) {
      showCalls();
      const { status, text } = await get(rig.clb.port(80), host, healthPath);
      // The web servers repeat the path.
      const isHealthy = status === 200 && !text.includes(healthPath);
      if (isHealthy && !wasHealthy) aside(`${balancerId}: the health check is good, and challenges reach certfleet`);
      wasHealthy = isHealthy;
      await wait(10);
    }
  })();
  return async () => {
    over = true;
    await following;
    showCalls();
  };
}

/** What the balancer has now. */
function showBalancer({ clb }: CloudRig): void {
  const { rules, groups, listeners, certificates } = clb.snapshot();
  const nameIn = (all: readonly Readonly<Record<string, unknown>>[], id: unknown) =>
    all.find((one) => one['id'] === id)?.['name'];
  const https = listeners.find(({ port }) => port === 443);
  const shown = rules.map(
    ({ name, domain, url, groupId }) => `${name}: ${domain || '*'} ${url} → ${nameIn(groups, groupId)}`,
  );
  result(`${balancerId} now, rules: ${shown.join(', ') || 'none'}`);
  result(`groups: ${groups.map(({ name }) => name).join(', ')}`);
  result(`certificate of the HTTPS listener: ${nameIn(certificates, https?.['certificateId'])}`);
}

const rulesAndGroups = ({ clb }: CloudRig): string => {
  const { rules, groups } = clb.snapshot();
  return JSON.stringify([rules, groups]);
};

/** The serial number of the certificate that the HTTPS listener serves. */
async function showPage(rig: CloudRig): Promise<string> {
  const port = rig.clb.port(443);
  const url = `https://${host}:${port}/`;
  typed(`curl --cacert root.pem --connect-to ::127.0.0.1: ${url}`);
  const { body, serial } = await fetchPage(port, host, rig.root).catch((error: Error) => {
    throw new DoesNotHold(`${url} cannot be fetched: ${error.message}`);
  });
  result(`node ${body[0]} answers, certificate ${serial.toLowerCase()}`);
  return serial;
}

async function showWithout(rig: CloudRig): Promise<void> {
  sentence('Without a rule, a challenge reaches any of the nodes, and none of them knows it.');
  for (let times = 0; times < 3; times++) {
    const { text } = await get(rig.clb.port(80), host, `${challengePath}token`);
    typed(`curl http://${host}${challengePath}token`);
    result(text);
  }
  const without = await certfleet(['issue', 'abc'], { cwd: rig.withoutRule });
  holds(without.code !== 0, 'the CA was answered although there is no rule');
}

async function showIssue(rig: CloudRig, before: string): Promise<string> {
  sentence('certfleet on node 1 adds the rule, waits until it works, and takes it away when the CA has its answer.');
  const stop = follow(rig);
  const issued = await certfleet(['issue', 'abc'], { cwd: rig.homes[0]! });
  await stop();
  holds(issued.code === 0, `certfleet issue abc ended with ${issued.code}`);
  showBalancer(rig);
  holds(rulesAndGroups(rig) === before, 'the balancer is not as it was before');
  sentence('The HTTPS listener serves the certificate. The chain is verified against Pebble’s root.');
  return showPage(rig);
}

async function killAndSweep(rig: CloudRig, before: string): Promise<void> {
  sentence('A kill -9 on node 1, as soon as the rule is there.');
  let kill = () => {};
  const stop = follow(rig, () => kill());
  const killed = await certfleet(['issue', 'abc', '--force'], {
    cwd: rig.homes[0]!,
    onStart: (how) => {
      kill = how;
    },
  });
  await stop();
  result(killed.signal ? `killed by ${killed.signal}` : `not killed: it ended with ${killed.code}`);
  holds(killed.signal === 'SIGKILL', 'the issue was not killed in the middle');
  showBalancer(rig);
  holds(rulesAndGroups(rig) !== before, 'the kill left nothing to remove');

  sentence(
    'Every change was journalled before it was made. A sweep on node 2, which has the same store, removes both.',
  );
  const stopSweep = follow(rig);
  const swept = await certfleet(['sweep'], { cwd: rig.homes[1]! });
  await stopSweep();
  holds(swept.code === 0, `certfleet sweep ended with ${swept.code}`);
  showBalancer(rig);
  holds(rulesAndGroups(rig) === before, 'the sweep left something on the balancer');
}

async function renewElsewhere(rig: CloudRig, before: string, old: string): Promise<void> {
  sentence('The next run, also on node 2, makes the whole circle.');
  const stop = follow(rig);
  const renewed = await certfleet(['renew'], { cwd: rig.homes[1]! });
  await stop();
  holds(renewed.code === 0, `certfleet renew ended with ${renewed.code}`);
  holds((await showPage(rig)) !== old, 'the old certificate is still served');
  holds(rulesAndGroups(rig) === before, 'the balancer is not as it was before');
  sentence('Each node knows what comes next.');
  const status = await certfleet(['status'], { cwd: rig.homes[2]! });
  holds(/^abc +valid /m.test(status.output), 'the certificate is not valid and delivered');
}

export async function demoCloud(stays: boolean): Promise<void> {
  const started = performance.now();
  sentence('Start a CA (Pebble), a DNS server (BIND), and three nodes behind a load balancer, on this machine only.');
  aside('The load balancer is a strict fake of Alibaba Cloud CLB: it has the API, and forwards real requests.');
  const rig = await startCloudRig();
  const { clb, bind, pebble, nodes } = rig;
  result(`CA ${pebble.directoryUrl}, DNS ${bind.server}, API ${clb.endpoint}`);
  result(`HTTP listener ${clb.port(80)}, HTTPS listener ${clb.port(443)}`);
  result(`nodes ${nodes.map(({ name, address, port }) => `${name} ${address}:${port}`).join(', ')}`);
  showBalancer(rig);
  const before = rulesAndGroups(rig);

  await showWithout(rig);
  const serial = await showIssue(rig, before);
  await killAndSweep(rig, before);
  await renewElsewhere(rig, before, serial);

  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  sentence(`Everything worked (${seconds} s, ${clb.records.length} calls of the API).`);
  if (stays) await keep(rig.homes[0]!, ['status', 'issue abc --force', 'renew', 'sweep --lost']);
}
