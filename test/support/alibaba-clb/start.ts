import { addCertificate } from './certificates.ts';
import type { Backend, Cloud, Group, Listener, LoadBalancer } from './model.ts';
import { healthCheck } from './model.ts';
import type { AlibabaClbOptions, LoadBalancerOptions } from './options.ts';

/** Fills the cloud with what is there before anything of ours: balancers, other people's groups, rules, certificates. */
export function fillCloud(cloud: Cloud, options: AlibabaClbOptions): void {
  const certificates = new Map<string, string>();
  for (const { name, certificate, privateKey } of options.certificates ?? [])
    certificates.set(name, addCertificate(cloud, { region: cloud.region, name, certificate, privateKey }).id);
  for (const given of options.loadBalancers) addBalancer(cloud, given, certificates);
}

function addBalancer(cloud: Cloud, given: LoadBalancerOptions, certificates: ReadonlyMap<string, string>): void {
  const listeners: Listener[] = [];
  const balancer: LoadBalancer = {
    id: given.id,
    region: given.region ?? cloud.region,
    name: given.name ?? given.id,
    address: given.address ?? '203.0.113.10',
    inactive: given.inactive === true,
    servers: (given.servers ?? []).map(({ server, weight }) => ({ serverId: server, weight: weight ?? 100 })),
    listeners,
    tags: new Map(),
    created: cloud.now(),
  };
  cloud.balancers.set(balancer.id, balancer);
  const groups = new Map<string, Group>();
  for (const { name, servers, tags } of given.groups ?? []) {
    const group: Group = {
      id: cloud.newId('rsp'),
      balancer,
      name,
      servers: servers.map((server) => backendOf(cloud, server)),
      tags: new Map(Object.entries(tags ?? {})),
      created: cloud.now(),
    };
    groups.set(name, group);
    cloud.groups.set(group.id, group);
  }
  const named = <T>(map: ReadonlyMap<string, T>, name: string): T => {
    const found = map.get(name);
    if (found === undefined) throw new Error(`The options name ${name}, which they do not describe.`);
    return found;
  };
  for (const one of given.listeners)
    listeners.push({
      protocol: one.protocol,
      port: one.port,
      stopped: one.stopped === true,
      backendPort: one.backendPort ?? 0,
      check: healthCheck(one.check),
      idleTimeout: one.idleTimeout ?? 15,
      requestTimeout: one.requestTimeout ?? 60,
      scheduler: 'wrr',
      tlsCipherPolicy: one.tlsCipherPolicy ?? 'tls_cipher_policy_1_0',
      ...(one.group === undefined ? {} : { groupId: named(groups, one.group).id }),
      ...(one.forwardPort === undefined ? {} : { forwardPort: one.forwardPort }),
      ...(one.certificate === undefined ? {} : { certificateId: named(certificates, one.certificate) }),
    });
  for (const { port, protocol = 'http', name, domain = '', url = '', group } of given.rules ?? []) {
    const listener = listeners.find((one) => one.port === port && one.protocol === protocol);
    if (listener === undefined) throw new Error(`The rule ${name} names a listener that the options do not describe.`);
    const id = cloud.newId('rule');
    const groupId = named(groups, group).id;
    cloud.rules.set(id, { id, balancer, listener, name, domain, url, groupId, listenerSync: 'on' });
  }
}

function backendOf(cloud: Cloud, given: { server: string; port: number; weight?: number; ip?: string }): Backend {
  const server = cloud.servers.get(given.server);
  if (server === undefined) throw new Error(`The options name ${given.server}, which they do not describe.`);
  return {
    serverId: server.id,
    port: given.port,
    weight: given.weight ?? 100,
    type: server.type,
    ip: given.ip ?? [...server.addresses.keys()][0]!,
    ipGiven: given.ip !== undefined,
  };
}
