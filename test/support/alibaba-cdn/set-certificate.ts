import { invalid } from '../alibaba-clb/api-error.ts';
import type { Cas } from '../alibaba-gateway/cas.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import { readCertificate } from '../alibaba-gateway/pem.ts';
import { type Bound, type Domain, type Domains, starred } from './domains.ts';
import { refuse } from './errors.ts';
import type { Behaviour } from './options.ts';

// SetCdnDomainSSLCertificate and SetDcdnDomainSSLCertificate. Sources: help.aliyun.com setcdndomainsslcertificate,
// document_detail/131404, alibabacloud-typescript-sdk, issues certd #372 #632 and terraform-provider-alicloud #5716 #8459.

export function setCertificateAction(
  product: Domain['product'],
  domains: Domains,
  cas: Cas,
  behaviour: Behaviour,
  now: () => number,
): Action {
  const regions = ['cn-hangzhou', 'ap-southeast-1'];

  function fromCas({ values }: Call): Bound {
    const id = values.integer('CertId', 1, Number.MAX_SAFE_INTEGER);
    const [name, region] = [values.text('CertName'), values.text('CertRegion') ?? 'cn-hangzhou'];
    if (!regions.includes(region)) throw refuse('Abs.CertRegion.ValueNotSupported');
    if (id === undefined) throw invalid('The specified CertId is not valid.');
    if (name === undefined && behaviour.casNeedsName) throw refuse('CertName.MissingParameter');
    const found = cas.find(region, id);
    if (found === undefined || (name !== undefined && name !== found.name)) throw refuse('Certificate.NotFind');
    if (found.notAfter < now()) throw refuse('Certificate.StatusError');
    return { ...found, type: 'cas', setMs: now() };
  }

  /** An upload by the way leaves a copy in CAS. */
  function uploaded({ values }: Call): Bound {
    const [certificate, privateKey] = [values.text('SSLPub'), values.text('SSLPri')];
    if (certificate === undefined) throw refuse('SSLPub.MissingParameter');
    if (privateKey === undefined) throw refuse('SSLPri.MissingParameter');
    const name = values.text('CertName') ?? `cert_${now()}`;
    if (name.length > 128) throw refuse('InvalidCertName.TooLong');
    const facts = readCertificate(certificate, privateKey, behaviour.pkcs8Keys);
    if (facts === 'certificate') throw refuse('Certificate.FormatError');
    if (facts === 'key') throw refuse('Key.Malformed');
    if (facts === 'mismatch') throw refuse('Certificate.MissMatch');
    if ([...cas.certificates.values()].some((one) => one.name === name)) throw refuse('Certificate.Duplicated');
    return { ...cas.add('cn-hangzhou', { name, certificate, privateKey }), type: 'upload', setMs: now() };
  }

  return {
    parameters: {
      ...{ 'DomainName!': 'text', 'SSLProtocol!': 'text', CertId: 'integer', CertName: 'text', CertRegion: 'text' },
      ...{ CertType: ['upload', 'cas'], SSLPub: 'text', SSLPri: 'text' },
      ...(product === 'cdn' ? { Env: ['staging', 'online'] } : {}),
    },
    perSecond: 30,
    resource: (values) => `domain/${starred(values.needed('DomainName'))}`,
    run(call) {
      const { values } = call;
      const protocol = values.needed('SSLProtocol');
      if (protocol !== 'on' && protocol !== 'off') throw refuse('InvalidSSLProtocol.ValueNotSupported');
      const domain = domains.find(product, values.needed('DomainName'));
      if (protocol === 'off') domains.set(domain, undefined);
      else domains.set(domain, values.text('CertType') === 'cas' ? fromCas(call) : uploaded(call));
      return {};
    },
  };
}
