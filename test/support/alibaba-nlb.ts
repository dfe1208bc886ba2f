import type { FakeApi } from '../../src/testing/fake-api.ts';
import type { CasCertificate } from './alibaba-gateway/cas.ts';
import { type Answered, createGateway } from './alibaba-gateway/gateway.ts';
import { createCloud, type Listener, type LoadBalancer } from './alibaba-nlb/cloud.ts';
import { createJobs } from './alibaba-nlb/jobs.ts';
import { listenerActions } from './alibaba-nlb/listeners.ts';
import type { AlibabaNlbOptions, ListenerStatus } from './alibaba-nlb/options.ts';
import { startTlsPlane, type TlsPlane } from './tls-plane.ts';

export type { AlibabaNlbOptions } from './alibaba-nlb/options.ts';

/**
 * Alibaba Cloud's Network Load Balancer (2022-04-30) and the Certificate Management Service (2020-04-07), as far as
 * certificates need them, in memory; `serveFakeApi` puts the same API behind a port. Written from the public documents
 * alone, which each file names.
 */
export interface AlibabaNlb {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** Everything that listeners have, as plain data: equal results mean that nothing changed in between. */
  snapshot(): unknown;
  /** What CAS holds, without the keys. */
  certificates(): readonly Omit<CasCertificate, 'key'>[];
  listenerId(balancer: string, port: number): string;
  /** The id of a certificate in the form that NLB takes. */
  certificateId(name: string): string;
  /** The name in CAS of the certificate that a client gets that asks for a name, or for none. */
  served(balancer: string, port: number, serverName?: string): string | undefined;
  /** What a listener has: the name in CAS of each certificate, or its id if CAS never had it. */
  placed(
    balancer: string,
    port: number,
  ): { readonly standard: string | undefined; readonly additional: readonly string[] };
  /** Changes a listener at once, as a person does in the console. */
  place(
    balancer: string,
    port: number,
    change: { readonly standard?: string; readonly additional?: readonly string[] },
  ): void;
  setStatus(balancer: string, port: number, status: ListenerStatus): void;
  setBalancerStatus(balancer: string, status: LoadBalancer['status']): void;
  /** Removes a listener, as a person does in the console. */
  removeListener(balancer: string, port: number): void;
  /** Removes a certificate from CAS, as a person does in the console. */
  forgetCertificate(name: string): void;
  /** Ends the jobs that are under way. */
  endJobs(): void;
  /** Lets the next jobs of an action, though accepted, fail. */
  failJob(action: string, times?: number): void;
  /** Lets RAM refuse these actions (`nlb:ListListeners`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
  /** Starts the TCPSSL listeners on real ports, which must be stopped. Its keys are `balancer|port`. */
  startPlane(): Promise<TlsPlane>;
}

export function createAlibabaNlb(options: AlibabaNlbOptions): AlibabaNlb {
  const { clock, keys, origins, perSecond, account = '1231579085529123' } = options;
  const cloud = createCloud(options);
  const jobs = createJobs(cloud);
  const actions = { ...listenerActions(cloud, jobs), ...jobs.actions };
  const limited = Object.entries(actions).map(([name, one]) => [
    name,
    perSecond === undefined ? one : { ...one, perSecond },
  ]);
  const gateway = createGateway({
    ...{ clock, keys, account },
    ...(origins === undefined ? {} : { origins }),
    services: [
      {
        ...{ product: 'Nlb', version: '2022-04-30', ram: 'nlb', denialCode: 'Forbidden.NoPermission' },
        hosts: Object.fromEntries(cloud.regions.map((region) => [`nlb.${region}.aliyuncs.com`, region])),
        actions: Object.fromEntries(limited),
      },
      cloud.cas.service,
    ],
    before: jobs.settle,
  });
  const balancerNamed = (id: string): LoadBalancer => {
    jobs.settle();
    const found = cloud.balancers.get(id);
    if (found === undefined) throw new Error(`There is no balancer ${id}.`);
    return found;
  };
  const listenerOf = (id: string, port: number): Listener => {
    const found = balancerNamed(id).listeners.find((one) => one.port === port);
    if (found === undefined) throw new Error(`${id} has no listener on ${port}.`);
    return found;
  };
  const needId = (name: string): string => {
    const found = cloud.idOf(name);
    if (found === undefined) throw new Error(`There is no certificate ${name}.`);
    return found;
  };
  const nameOf = (id: string): string => cloud.everInCas(id)?.name ?? id;
  return {
    ...{ api: gateway.api, records: gateway.records, deny: gateway.deny },
    snapshot() {
      jobs.settle();
      return structuredClone([...cloud.balancers.values()]);
    },
    certificates: () => [...cloud.cas.certificates.values()].map(({ key: _key, ...rest }) => rest),
    listenerId: (balancer, port) => listenerOf(balancer, port).id,
    certificateId: needId,
    served: (balancer, port, name) => cloud.served(listenerOf(balancer, port), name)?.name,
    placed(balancer, port) {
      const { certificate, additional } = listenerOf(balancer, port);
      return {
        standard: certificate === undefined ? undefined : nameOf(certificate),
        additional: additional.map(({ certificateId }) => nameOf(certificateId)),
      };
    },
    place(balancer, port, { standard, additional }) {
      const listener = listenerOf(balancer, port);
      if (standard !== undefined) listener.certificate = cloud.idOf(standard) ?? standard;
      if (additional === undefined) return;
      listener.additional = additional.map((name) => ({
        certificateId: cloud.idOf(name) ?? name,
        status: 'Associated',
      }));
    },
    setStatus(balancer, port, status) {
      listenerOf(balancer, port).status = status;
    },
    setBalancerStatus(balancer, status) {
      balancerNamed(balancer).status = status;
    },
    removeListener(balancer, port) {
      const { listeners } = balancerNamed(balancer);
      listeners.splice(listeners.indexOf(listenerOf(balancer, port)), 1);
    },
    forgetCertificate: (name) => cloud.cas.forget(Number.parseInt(needId(name), 10)),
    endJobs: jobs.endAll,
    failJob: (action, times = 1) => jobs.fail(action, 'OperationFailed', times),
    startPlane() {
      const secure = [...cloud.balancers.values()].flatMap(({ id, listeners }) =>
        listeners
          .filter(({ protocol }) => protocol === 'TCPSSL')
          .map(({ port }) => [`${id}|${port}`, id, port] as const),
      );
      const find = (key: string, name: string | undefined) => {
        const [, id, port] = secure.find(([own]) => own === key)!;
        jobs.settle();
        const listener = cloud.balancers.get(id)?.listeners.find((one) => one.port === port);
        return listener && listener.status !== 'Stopped' ? cloud.served(listener, name) : undefined;
      };
      return startTlsPlane(
        secure.map(([key]) => key),
        find,
      );
    },
  };
}
