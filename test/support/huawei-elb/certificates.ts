import { readCertificate } from '../alibaba-gateway/pem.ts';
import type { Schemas } from '../call-values.ts';
import { type Route, refuse } from '../huawei-gateway/gateway.ts';
import { allListeners, type Certificate, type Cloud, findListener, type Listener, matches, pageOf } from './cloud.ts';

// Certificates and the listeners that use them. Sources: support.huaweicloud.com api-elb UpdateCertificate,
// DeleteCertificate, UpdateListener, ErrorCode; usermanual-elb/elb_ug_jt_0021 (SNI); huaweicloud-sdk-nodejs-v3 elb v3
// (fields, filters); terraform-provider-huaweicloud (waiting for ACTIVE).

const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');

const fields: Schemas = {
  ...{ name: 'text', description: 'text', domain: 'text', certificate: 'text', private_key: 'text' },
  ...{ enterprise_project_id: 'text', source: 'text', scm_certificate_id: 'text' },
};
const paging = ['marker', 'limit', 'page_reverse', 'enterprise_project_id'];

export interface CertificateRoutes {
  readonly routes: Readonly<Record<string, Route>>;
  readonly keysSent: () => number;
}

export function certificateRoutes(cloud: Cloud, applied: () => void): CertificateRoutes {
  let keysSent = 0;
  const find = (id: string | undefined): Certificate => {
    const found = cloud.certificates.get(id ?? '');
    if (found === undefined) throw refuse(404, 'ELB.8904', `The certificate ${id} could not be found.`);
    return found;
  };
  const uses =
    (id: string) =>
    ({ certificateId, sni, clientCa }: Listener) =>
      certificateId === id || sni.includes(id) || clientCa === id;

  const describe = (one: Certificate) => {
    const echo = cloud.behaviour.privateKeyEcho;
    if (echo) keysSent += 1;
    return {
      ...{ id: one.id, name: one.name, description: one.description, domain: one.domain, type: one.type },
      ...{ certificate: one.pem, expire_time: time(one.notAfter), common_name: one.commonName, source: one.source },
      ...{ fingerprint: one.sha256.toLowerCase(), subject_alternative_names: one.names, admin_state_up: true },
      ...{ protection_status: 'nonProtection', enterprise_project_id: '0', ...(echo ? { private_key: one.key } : {}) },
    };
  };

  function checkDomain(domain: string): string {
    const names = domain === '' ? [] : domain.split(',');
    const isFine = names.every((name) => /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(name));
    if (domain.length > 10_000 || names.length > 100 || !isFine) throw refuse(400, 'ELB.1001', 'domain is not valid.');
    return domain;
  }

  function checkSizes(certificate: string, key: string, name: string, description: string): void {
    if (certificate.length > 65_536 || key.length > 8192 || name.length > 255 || description.length > 255)
      throw refuse(400, 'ELB.1001', 'The certificate is too long.');
  }

  /** The names of the certificates for SNI must differ, but for one RSA and one ECC. */
  function checkSni(ids: readonly string[]): void {
    const taken = new Set<string>();
    let names = 0;
    for (const id of ids) {
      const { domain, algorithm } = find(id);
      if (domain === '') throw refuse(400, 'ELB.1001', `The certificate ${id} has no domain.`);
      for (const name of domain.split(',')) {
        names += 1;
        const key = `${name} ${algorithm}`;
        if (taken.has(key)) throw refuse(409, 'ELB.8907', `The domain ${name} is there twice.`);
        taken.add(key);
      }
    }
    if (names > cloud.quotas.sniNames) throw refuse(409, 'ELB.8905', 'There are too many domains.');
  }

  const one = '/v3/:project/elb/certificates/:id';
  const listener = '/v3/:project/elb/listeners/:id';
  const describeListener = (id: string) => {
    const { balancer, listener: of } = findListener(cloud, id);
    return {
      ...{ id: of.id, name: of.name, description: of.description, protocol: of.protocol, protocol_port: of.port },
      ...{ default_tls_container_ref: of.certificateId ?? null, sni_container_refs: of.sni },
      ...{ client_ca_tls_container_ref: of.clientCa ?? null, enhance_l7policy_enable: of.isAdvanced },
      ...{ default_pool_id: of.defaultPoolId ?? null, loadbalancers: [{ id: balancer.id }], http2_enable: true },
      ...{ protection_status: 'nonProtection', enterprise_project_id: '0', admin_state_up: true, tags: [] },
    };
  };

  const routes: Record<string, Route> = {
    'GET /v3/:project/elb/certificates': {
      action: 'elb:certificates:list',
      query: [...paging, 'id', 'name', 'type', 'source', 'common_name', 'fingerprint', 'domain'],
      run({ query }) {
        const found = [...cloud.certificates.values()].filter((row) =>
          matches(query, {
            ...{ id: row.id, name: row.name, type: row.type, source: row.source, domain: row.domain },
            ...{ common_name: row.commonName, fingerprint: row.sha256.toLowerCase() },
          }),
        );
        return pageOf(query, found.map(describe), 'certificates');
      },
    },
    'POST /v3/:project/elb/certificates': {
      action: 'elb:certificates:create',
      status: 201,
      body: { name: 'certificate', schemas: { ...fields, 'certificate!': 'text', type: ['server'] } },
      run({ values }) {
        const [certificate, privateKey] = [values.needed('certificate'), values.text('private_key')];
        if (privateKey === undefined) throw refuse(400, 'ELB.1001', 'private_key is missing.');
        const [name, description] = [values.text('name') ?? '', values.text('description') ?? ''];
        checkSizes(certificate, privateKey, name, description);
        const domain = checkDomain(values.text('domain') ?? '');
        return { certificate: describe(cloud.addCertificate({ name, description, domain, certificate, privateKey })) };
      },
    },
    [`GET ${one}`]: {
      action: 'elb:certificates:get',
      run: ({ path }) => ({ certificate: describe(find(path['id'])) }),
    },
    /** Every listener that uses it changes at once. */
    [`PUT ${one}`]: {
      action: 'elb:certificates:put',
      body: { name: 'certificate', schemas: fields },
      run({ path, values }) {
        const found = find(path['id']);
        const [certificate, privateKey] = [values.text('certificate'), values.text('private_key')];
        if ((certificate === undefined) !== (privateKey === undefined))
          throw refuse(400, 'ELB.1001', 'certificate and private_key belong together.');
        const domain = checkDomain(values.text('domain') ?? found.domain);
        if (
          domain === '' &&
          found.domain !== '' &&
          allListeners(cloud).some((row) => row.listener.sni.includes(found.id))
        )
          throw refuse(409, 'ELB.8907', 'A listener uses the domain.');
        const [name, description] = [
          values.text('name') ?? found.name,
          values.text('description') ?? found.description,
        ];
        checkSizes(certificate ?? '', privateKey ?? '', name, description);
        const facts = certificate === undefined ? {} : readCertificate(certificate, privateKey!, 'accepted');
        if (typeof facts === 'string') throw refuse(400, 'ELB.1011', 'Invalid key or certificate content.');
        Object.assign(found, { ...facts, name, description, domain, pem: certificate ?? found.pem });
        found.key = privateKey ?? found.key;
        applied();
        return { certificate: describe(found) };
      },
    },
    [`DELETE ${one}`]: {
      action: 'elb:certificates:delete',
      status: 204,
      run({ path }) {
        const { id } = find(path['id']);
        const user = allListeners(cloud).find((row) => uses(id)(row.listener));
        if (user !== undefined)
          throw refuse(409, 'ELB.8907', `The certificate is in use: the listener ${user.listener.id} is using it.`);
        cloud.certificates.delete(id);
        return undefined;
      },
    },
    'GET /v3/:project/elb/listeners': {
      action: 'elb:listeners:list',
      query: [...paging, 'id', 'name', 'protocol', 'protocol_port', 'loadbalancer_id', 'default_tls_container_ref'],
      run({ query }) {
        const found = allListeners(cloud).filter(({ balancer, listener: row }) =>
          matches(query, {
            ...{ id: row.id, name: row.name, protocol: row.protocol, protocol_port: String(row.port) },
            ...{ loadbalancer_id: balancer.id, default_tls_container_ref: row.certificateId ?? '' },
          }),
        );
        return pageOf(
          query,
          found.map((row) => describeListener(row.listener.id)),
          'listeners',
        );
      },
    },
    [`GET ${listener}`]: {
      action: 'elb:listeners:get',
      run: ({ path }) => ({ listener: describeListener(path['id']!) }),
    },
    [`PUT ${listener}`]: {
      action: 'elb:listeners:put',
      body: {
        name: 'listener',
        schemas: {
          ...{ name: 'text', description: 'text', default_tls_container_ref: 'text' },
          sni_container_refs: { list: 'text', most: 200 },
        },
      },
      run({ path, values }) {
        const { balancer, listener: found } = findListener(cloud, path['id']!);
        const next = values.text('default_tls_container_ref');
        // On other listeners the certificates for SNI are ignored without a word.
        const isSecure = found.protocol === 'HTTPS';
        if (next !== undefined && !isSecure) throw refuse(400, 'ELB.1001', 'The listener has no certificate.');
        if (next !== undefined) find(next);
        const sni = values.has('sni_container_refs') && isSecure ? values.texts('sni_container_refs') : undefined;
        if (sni !== undefined) checkSni(sni);
        cloud.change(balancer, () => {
          found.certificateId = next ?? found.certificateId;
          found.sni = sni ?? found.sni;
          found.name = values.text('name') ?? found.name;
          found.description = values.text('description') ?? found.description;
        });
        return { listener: describeListener(found.id) };
      },
    },
  };
  return { routes, keysSent: () => keysSent };
}
