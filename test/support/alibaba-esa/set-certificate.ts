import { invalid, missing } from '../alibaba-clb/api-error.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import { readCertificate } from '../alibaba-gateway/pem.ts';
import { refuse } from './errors.ts';
import { isOf, type Site, type SiteCertificate, type Sites } from './sites.ts';

// SetCertificate. Sources: api-esa-2024-09-10-setcertificate, alibabacloud-typescript-sdk esa-20240910, certimate #1302
// #1340, dnsmgr #178 (the name of a certificate of CAS).

export function setCertificateAction(sites: Sites): Action {
  const { cas, behaviour } = sites;
  type Given = Pick<SiteCertificate, 'name' | 'type' | 'casId' | 'region' | 'issued'>;

  function fromCas({ values }: Call): Given {
    const id = values.integer('CasId', 1, Number.MAX_SAFE_INTEGER);
    const region = values.text('Region');
    if (id === undefined) throw missing('CasId');
    if (region === undefined) throw missing('Region');
    if (region !== 'cn-hangzhou' && region !== 'ap-southeast-1') throw invalid('The specified Region is not valid.');
    const found = cas.find(region, id);
    if (found === undefined) throw refuse('InvalidCertificate.NotFound');
    if (found.notAfter < sites.now()) throw refuse('Certificate.StatusError');
    return { name: values.text('Name') ?? found.name, type: 'cas', casId: id, region, issued: found };
  }

  function uploaded({ values }: Call): Given {
    const [name, pem, key] = [values.text('Name'), values.text('Certificate'), values.text('PrivateKey')];
    if (name === undefined) throw missing('Name');
    if (pem === undefined) throw missing('Certificate');
    if (key === undefined) throw missing('PrivateKey');
    const facts = readCertificate(pem, key, 'accepted');
    if (facts === 'certificate') throw refuse('InvalidSSLPub');
    if (facts === 'key') throw refuse('InvalidSSLPri');
    if (facts === 'mismatch') throw refuse('CertificateNotMatchPrivateKey');
    if (facts.notAfter < sites.now()) throw refuse('Certificate.StatusError');
    return { name, type: 'upload', casId: undefined, region: '', issued: { ...facts, pem, key } };
  }

  function checkQuota({ instance }: Site): void {
    const used = sites.all
      .filter((one) => one.instance === instance)
      .flatMap(({ certificates }) => certificates.filter(({ type }) => type !== 'free'));
    if (used.length >= sites.quotas.customOfInstance) throw refuse('CertQuotaCheckFailed');
  }

  return {
    parameters: {
      ...{ SiteId: 'integer', 'Type!': ['cas', 'upload', 'keyless'], Id: 'text', Name: 'text', CasId: 'integer' },
      ...{ Region: 'text', Certificate: 'text', PrivateKey: 'text', KeyServerId: 'text' },
    },
    isPostOnly: true,
    run(call) {
      const { values, region } = call;
      const site = sites.find(region, values.integer('SiteId', 1, Number.MAX_SAFE_INTEGER));
      if (site.isInArrears) throw refuse('Instance.NotOnline');
      if (values.text('Type') === 'keyless') throw refuse('QuotaCheckFailed.Function');
      const given = values.text('Type') === 'cas' ? fromCas(call) : uploaded(call);
      const id = values.text('Id');
      const old = site.certificates.find((one) => one.id === id);
      if (id !== undefined && old === undefined) throw refuse('InvalidCertificate.NotFound');
      if (old?.type === 'free') throw invalid('A free certificate cannot be replaced.');
      if (old !== undefined && old.type !== given.type && behaviour.typeChange === 'refused')
        throw invalid('The type of a certificate cannot change.');
      if (!given.issued!.names.some((name) => isOf(site.name, name))) throw refuse('CertificateDomainNotMatchSite');
      if (site.certificates.some(({ issued }) => issued?.sha256 === given.issued!.sha256))
        throw refuse('Certificate.Duplicated');
      const isTaken = site.certificates.some((one) => one !== old && one.name === given.name);
      if (values.has('Name') && isTaken) throw invalid('The certificate name already exists.');
      if (old === undefined) checkQuota(site);
      const [now, newId] = [sites.now(), old?.id ?? sites.newId()];
      const made: SiteCertificate = { ...given, id: newId, createdMs: old?.createdMs ?? now, updatedMs: now };
      const others = site.certificates.filter((one) => one !== old);
      sites.change(site, [...others, made]);
      return { Id: newId };
    },
  };
}
