import { letters } from '../alibaba-clb/random.ts';
import { type Cas, type CasCertificate, createCas } from '../alibaba-gateway/cas.ts';
import { chanceOf } from '../seeded.ts';
import { refuse } from './errors.ts';
import {
  type AlibabaNlbOptions,
  type Behaviour,
  type ListenerStatus,
  type Quotas,
  quotas,
  strictBehaviour,
} from './options.ts';

export interface Bound {
  readonly certificateId: string;
  /** The remarks of the API spell the last one in two ways. */
  status: 'Associating' | 'Associated' | 'Diassociating';
}

export interface Listener {
  /** It contains the port: `lsn-…@443`. */
  readonly id: string;
  readonly protocol: 'TCP' | 'UDP' | 'TCPSSL';
  readonly port: number;
  status: ListenerStatus;
  certificate: string | undefined;
  ca: string | undefined;
  additional: Bound[];
  settings: Readonly<Record<string, string | number | boolean>>;
}

export interface LoadBalancer {
  readonly id: string;
  readonly region: string;
  status: 'Active' | 'Configuring';
  readonly listeners: Listener[];
}

export interface Cloud {
  readonly options: AlibabaNlbOptions;
  readonly behaviour: Behaviour;
  readonly quotas: Quotas;
  readonly regions: readonly string[];
  readonly cas: Cas;
  readonly balancers: ReadonlyMap<string, LoadBalancer>;
  readonly random: () => number;
  /** A certificate by its full id, as CAS has it now; or as a listener that has bound it. */
  inCas(id: string): CasCertificate | undefined;
  everInCas(id: string): CasCertificate | undefined;
  /** The full id of a certificate of CAS. */
  idOf(name: string): string | undefined;
  find(region: string, id: string): { readonly balancer: LoadBalancer; readonly listener: Listener };
  /** The certificate for a client that asks for this name, or for none. */
  served(listener: Listener, name: string | undefined): CasCertificate | undefined;
}

const parse = (id: string): readonly [region: string, number: number] => {
  const [, number, region] = /^(\d+)-([a-z0-9-]+)$/.exec(id) ?? [];
  return [region ?? '', Number(number)];
};

export function createCloud(options: AlibabaNlbOptions): Cloud {
  const random = chanceOf(4);
  const behaviour = { ...strictBehaviour, ...options.behaviour };
  const regions = options.regions ?? ['cn-hangzhou', 'ap-southeast-1'];
  const cas = createCas(options, behaviour);
  for (const pem of options.certificates ?? []) cas.add('cn-hangzhou', pem);
  let turns = 0;

  const idOf = (name: string): string | undefined => {
    const found = [...cas.certificates.values()].find((one) => one.name === name);
    return found && `${found.id}-${found.region}`;
  };
  const balancers = new Map<string, LoadBalancer>();
  for (const { id, region = regions[0]!, listeners } of options.loadBalancers)
    balancers.set(id, {
      ...{ id, region, status: 'Active' },
      listeners: listeners.map(({ protocol, port, status, certificate, ca, additional = [], settings = {} }) => ({
        ...{ id: `lsn-${letters(random, 18)}@${port}`, protocol, port, status: status ?? 'Running' },
        ...{ certificate: certificate && (idOf(certificate) ?? certificate), ca, settings },
        additional: additional.map((name) => ({ certificateId: idOf(name) ?? name, status: 'Associated' })),
      })),
    });

  const everInCas: Cloud['everInCas'] = (id) => cas.everHad(...parse(id));
  return {
    ...{ options, behaviour, regions, cas, balancers, random, idOf, everInCas },
    quotas: { ...quotas, ...options.quotas },
    inCas: (id) => cas.find(...parse(id)),
    find(region, id) {
      for (const balancer of balancers.values())
        for (const listener of balancer.listeners)
          if (listener.id === id && balancer.region === region) return { balancer, listener };
      throw refuse('ResourceNotFound.listener');
    },
    /** Additional certificates by name: an exact one, then a wildcard, then the default one. */
    served(listener, name) {
      const bound = listener.additional
        .filter(({ status }) => status !== 'Associating')
        .flatMap(({ certificateId }) => everInCas(certificateId) ?? []);
      const wildcard = name && `*${name.slice(name.indexOf('.'))}`;
      const exact = bound.filter(({ names }) => name !== undefined && names.includes(name));
      const found =
        exact.length > 0 ? exact : bound.filter(({ names }) => wildcard !== undefined && names.includes(wildcard));
      if (found.length === 0) return everInCas(listener.certificate ?? '');
      turns += 1;
      const { twoForOneName } = behaviour;
      if (twoForOneName === 'older') return found[0];
      return twoForOneName === 'newer' ? found.at(-1) : found[turns % found.length];
    },
  };
}
