import { type CertificateFacts, isLeafAlone, readCertificate } from '../alibaba-gateway/pem.ts';
import type { Values } from '../call-values.ts';
import { refuseCdn } from './errors.ts';
import type { Behaviour, PemOptions, ScmOptions } from './options.ts';

// What a call says of a certificate. Sources: support.huaweicloud.com api-cdn UpdateDomainFullConfig,
// UpdateDomainMultiCertificates, ErrorCode; usermanual-cdn "HTTPS Certificate Requirements" (lines of 64 characters, no
// spaces, RSA keys to be converted from PKCS#8, chains in order).

/** A certificate as a domain has it. */
export interface Bound extends CertificateFacts {
  /** The domain's own, one that Huawei manages, or one of SCM. */
  readonly source: 0 | 1 | 2;
  readonly name: string;
  readonly scmId: string | undefined;
  readonly pem: string;
  readonly key: string;
}

export function bind(given: PemOptions | ScmOptions, pkcs8Keys: Behaviour['pkcs8Keys']): Bound {
  const { name, certificate, privateKey } = given;
  const facts = readCertificate(certificate, privateKey, pkcs8Keys);
  if (facts === 'certificate') throw refuseCdn('CDN.0403');
  if (typeof facts === 'string') throw refuseCdn('CDN.0410');
  const scmId = 'id' in given ? given.id : undefined;
  return { ...facts, source: scmId === undefined ? 0 : 2, name, scmId, pem: certificate, key: privateKey };
}

export interface Read {
  readonly names: Readonly<Record<'source' | 'name' | 'certificate' | 'scmId', string>>;
  readonly scm: ReadonlyMap<string, ScmOptions>;
  readonly behaviour: Behaviour;
  readonly nowMs: number;
}

/** The certificate in a call, whose fields have other names in each. */
export function readBound(values: Values, { names, scm, behaviour, nowMs }: Read): Bound {
  const source = values.integer(names.source, 0, 2) ?? 0;
  if (source === 1) throw refuseCdn('CDN.0001', `${names.source}: Huawei manages no certificate here.`);
  if (source === 2) {
    const found = scm.get(values.text(names.scmId) ?? '');
    if (found === undefined) throw refuseCdn('CDN.0001', `${names.scmId}: SCM has no such certificate.`);
    return checked(bind(found, 'accepted'), nowMs);
  }
  const [name, certificate] = [values.text(names.name), values.text(names.certificate)];
  const privateKey = values.text('private_key');
  if (!/^[^\s*]{3,32}$/.test(name ?? ''))
    throw refuseCdn('CDN.0001', `${names.name}: 3 to 32 characters, no asterisk.`);
  if (!certificate || !privateKey) throw refuseCdn('CDN.0402');
  const bound = bind({ name: name!, certificate, privateKey }, behaviour.pkcs8Keys);
  if (isLeafAlone(certificate, bound) && behaviour.leafAlone === 'refused') throw refuseCdn('CDN.0410');
  return checked(bound, nowMs);
}

function checked(bound: Bound, nowMs: number): Bound {
  if (bound.notAfter - nowMs < 86_400_000) throw refuseCdn('CDN.0409');
  return bound;
}
