import { covers } from '../alibaba-gateway/pem.ts';
import type { Values } from '../call-values.ts';
import { createRollOut, type RollOut } from '../roll-out.ts';
import type { Certificate, Certificates } from './certificates.ts';
import { QiniuError, type Route, wrong } from './gateway.ts';
import type { Behaviour, DomainOptions, OperatingState, PemOptions, QiniuCdnOptions } from './options.ts';
import { pageOf } from './pages.ts';

// The domains. Sources: developer.qiniu.com/fusion/4246/the-domain-name and fusion/13364 (calls, ten a second, changes
// take 5 to 10 minutes), fusion/manual/4176 (wildcards begin with a dot); certimate (fields), acme.sh #5324 (612).

export interface Domain {
  readonly name: string;
  readonly parent: string | undefined;
  forceHttps: boolean;
  http2: boolean;
  /** As a person or a roll-out left it. */
  state: OperatingState;
  operation: 'create_domain' | 'modify_https_conf' | 'sslize';
  modifiedMs: number;
  /** HTTPS is on exactly if there is one. */
  readonly certificate: RollOut<Certificate | undefined>;
}

export interface Domains {
  readonly all: readonly Domain[];
  readonly routes: Readonly<Record<string, Route>>;
  set(domain: Domain, certificate: Certificate | undefined): void;
  serve(name: string): Certificate | undefined;
}

/** The pages spell the id in three ways. */
const ids = ['certId', 'certid', 'certID'] as const;
const https = {
  certId: 'text',
  certid: 'text',
  certID: 'text',
  forceHttps: 'boolean',
  http2Enable: 'boolean',
} as const;

export function createDomains(options: QiniuCdnOptions, behaviour: Behaviour, certificates: Certificates): Domains {
  const { clock, rollOutMs = 0 } = options;
  const nowMs = (): number => clock.now().getTime();
  const known = new Map<PemOptions, Certificate>();

  function held(given: PemOptions): Certificate {
    const found = known.get(given) ?? certificates.add(given);
    known.set(given, found);
    return found;
  }

  const all = options.domains.map((given: DomainOptions): Domain => {
    const domain: Domain = {
      ...{ name: given.name, parent: given.parent, state: given.state ?? 'success', operation: 'create_domain' },
      ...{ forceHttps: given.forceHttps === true, http2: given.http2 === true, modifiedMs: nowMs() },
      certificate: createRollOut<Certificate | undefined>(
        { clock, ms: rollOutMs, initial: given.certificate && held(given.certificate) },
        (succeeded) => {
          domain.state = succeeded ? 'success' : 'failed';
          domain.modifiedMs = nowMs();
        },
      ),
    };
    return domain;
  });

  function find(name: string): Domain {
    const found = all.find((one) => one.name === name);
    if (found === undefined) throw new QiniuError(behaviour.unknownDomain, 'no such domain', behaviour.unknownDomain);
    return found;
  }

  /** Whose HTTPS a domain has. */
  const ownerOf = (domain: Domain): Domain => (domain.parent === undefined ? domain : find(domain.parent));
  const stateOf = (domain: Domain): OperatingState =>
    domain.certificate.before === undefined ? domain.state : 'processing';
  const shown = ({ certificate: { before, value } }: Domain): Certificate | undefined =>
    before !== undefined && behaviour.httpsDuringRollOut === 'old' ? before.value : value;
  const typeOf = ({ name, parent }: Domain): string =>
    parent !== undefined ? 'pan' : name.startsWith('.') ? 'wildcard' : 'normal';
  const time = (ms: number): string => new Date(ms + 8 * 3_600_000).toISOString().replace('Z', '+08:00');
  const about = (domain: Domain) => ({
    ...{ name: domain.name, type: typeOf(domain), cname: `${domain.name.replace(/^\./, '')}.qiniudns.com` },
    ...{ operationType: domain.operation, operatingState: stateOf(domain), operatingStateDesc: '' },
    ...{ createAt: time(1_704_067_200_000), modifyAt: time(domain.modifiedMs) },
    ...{ platform: 'web', geoCover: 'china', testURLPath: 'test.txt' },
  });

  function describe(domain: Domain): object {
    const owner = ownerOf(domain);
    const { forceHttps, http2 } = owner;
    const certificate = shown(owner);
    const isOn = certificate !== undefined;
    const block = { certId: certificate?.id ?? '', forceHttps: isOn && forceHttps, http2Enable: isOn && http2 };
    return {
      ...about(domain),
      ...{ protocol: isOn ? 'https' : 'http', pareDomain: domain.parent ?? '' },
      source: { sourceType: 'domain', sourceDomain: 'origin.example.net' },
      ...(isOn || behaviour.httpsOff === 'empty' ? { https: block } : {}),
    };
  }

  function begin(domain: Domain, certificate: Certificate | undefined): void {
    domain.modifiedMs = nowMs();
    if (domain.certificate.before === undefined) domain.certificate.begin(certificate);
    else domain.certificate.queue(certificate);
  }

  /** The change of both calls; what is left out is false, as Go decodes it. */
  function change(domain: Domain, values: Values, isOn: boolean): undefined {
    const id = ids.map((name) => values.text(name)).find((one) => one !== undefined);
    if (!id) throw wrong('certId is missing.');
    const certificate = certificates.find(id);
    if (certificate === undefined) throw new QiniuError(400401, 'no such certificate');
    if (domain.parent !== undefined) throw wrong(`The domain has the HTTPS of ${domain.parent}.`);
    if (!covers(certificate, domain.name.replace(/^\./, '*.'))) throw wrong('The certificate is not of this domain.');
    if (stateOf(domain) === 'processing' && (behaviour.busy === 'refused' || domain.state === 'processing'))
      throw new QiniuError(400, 'the domain is being operated, please try again later');
    const takesNone = ['frozen', 'offlined', ...(behaviour.failed === 'refused' ? ['failed'] : [])];
    if (takesNone.includes(domain.state)) throw new QiniuError(400, `the domain is ${domain.state}`);
    if ((shown(domain) !== undefined) !== isOn) throw wrong(isOn ? 'HTTPS is off.' : 'HTTPS is on already.');
    domain.forceHttps = values.flag('forceHttps') ?? false;
    domain.http2 = values.flag('http2Enable') ?? false;
    domain.operation = isOn ? 'modify_https_conf' : 'sslize';
    begin(domain, certificate);
    return undefined;
  }

  const routes: Readonly<Record<string, Route>> = {
    'GET /domain': {
      query: ['marker', 'limit', 'types', 'sourceTypes', 'sourceQiniuBucket', 'sourceIp', 'tag'],
      perSecond: 10,
      run({ query }) {
        const types = query.getAll('types');
        const fitting = all.filter((one) => types.length === 0 || types.includes(typeOf(one)));
        const { found, marker } = pageOf(query, fitting, ({ name }) => name, { most: 1000, otherwise: 10 });
        return { marker, domains: found.map(about) };
      },
    },
    'GET /domain/:name': { perSecond: 10, run: ({ path }) => describe(find(path['name']!)) },
    'PUT /domain/:name/httpsconf': {
      body: https,
      perSecond: 10,
      run: ({ path, values }) => change(find(path['name']!), values, true),
    },
    // It switches HTTPS on, so a delivery must not call it.
    'PUT /domain/:name/sslize': {
      body: https,
      perSecond: 10,
      run: ({ path, values }) => change(find(path['name']!), values, false),
    },
  };

  return {
    all,
    routes,
    set: begin,
    serve(name) {
      const lower = name.toLowerCase();
      const found =
        all.find((one) => one.name === lower) ?? all.find((one) => one.name === lower.slice(lower.indexOf('.')));
      if (found === undefined || found.state === 'offlined') return undefined;
      return ownerOf(found).certificate.serve();
    },
  };
}
