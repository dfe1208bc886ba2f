import type { Clock } from '../../../src/ports/clock.ts';
import { ApiError, invalid, missing } from '../alibaba-clb/api-error.ts';
import type { Values } from '../call-values.ts';
import type { Action, Call, Service } from './gateway.ts';
import { type CertificateFacts, readCertificate } from './pem.ts';

// Certificate Management Service, 2020-04-07. Sources: alibabacloud-typescript-sdk cas-20200407 (parameters, rates,
// defaults), help.aliyun.com/zh/ssl-certificate, issues of certimate and dnsmgr (names, missing check of use).

export interface PemOptions {
  readonly name: string;
  readonly certificate: string;
  readonly privateKey: string;
}

export interface CasOptions {
  readonly clock: Clock;
  /** How long an uploaded certificate is in CAS before other services find it. */
  readonly visibleAfterMs?: number;
  /** How many certificates CAS takes in a region, and the code of the refusal: neither is documented. */
  readonly quota?: { readonly most: number; readonly code: string };
}

/** What the documents leave open. */
export interface CasBehaviour {
  readonly pkcs8Keys: 'refused' | 'accepted';
  /** Whether a name may have a hyphen, as in the console. */
  readonly hyphenInNames: 'refused' | 'accepted';
}

export const strictCas: CasBehaviour = { pkcs8Keys: 'refused', hyphenInNames: 'refused' };

export interface CasCertificate extends CertificateFacts {
  readonly id: number;
  readonly region: string;
  readonly name: string;
  readonly pem: string;
  readonly key: string;
  readonly uploadedMs: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Cas {
  readonly certificates: ReadonlyMap<number, CasCertificate>;
  add(region: string, given: PemOptions, tags?: Readonly<Record<string, string>>): CasCertificate;
  /** What other services find by an id: nothing at first, if the options say so. */
  find(region: string, id: number): CasCertificate | undefined;
  /** What was there at any time: a service keeps what it has bound. */
  everHad(region: string, id: number): CasCertificate | undefined;
  forget(id: number): void;
  /** How often the API has sent a private key. */
  readonly keysSent: number;
  readonly service: Service;
}

// The codes are those that terraform-provider-alicloud and Certimate handle; NameRepeat is not documented.
const notFound = () => new ApiError('NotFound', { status: 404, message: 'The certificate does not exist.' });
const nameTaken = () => new ApiError('NameRepeat', { message: 'The certificate name already exists.' });

const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export function createCas(options: CasOptions, behaviour: CasBehaviour): Cas {
  const { clock, visibleAfterMs = 0, quota } = options;
  const certificates = new Map<number, CasCertificate>();
  const ever = new Map<number, CasCertificate>();
  let lastId = 13_781_325;
  let keysSent = 0;
  const now = () => clock.now().getTime();
  const isExpired = ({ notAfter }: CasCertificate) => notAfter < now();
  const willExpire = ({ notAfter }: CasCertificate) => notAfter - now() < 30 * 86_400_000;
  const statusOf = (one: CasCertificate) => (isExpired(one) ? 'EXPIRED' : willExpire(one) ? 'WILLEXPIRED' : 'ISSUED');

  function add(region: string, given: PemOptions, tags: Readonly<Record<string, string>> = {}): CasCertificate {
    const facts = readCertificate(given.certificate, given.privateKey, behaviour.pkcs8Keys);
    if (typeof facts === 'string') throw invalid(`The specified ${facts === 'key' ? 'Key' : 'Cert'} is not valid.`);
    const held = [...certificates.values()].filter((one) => one.region === region);
    if (held.some(({ name }) => name === given.name)) throw nameTaken();
    if (quota !== undefined && held.length >= quota.most) throw new ApiError(quota.code);
    lastId += 1;
    const { name, certificate: pem, privateKey: key } = given;
    const added = { ...facts, id: lastId, region, name, pem, key, uploadedMs: clock.monotonicMs(), tags };
    certificates.set(added.id, added);
    ever.set(added.id, added);
    return added;
  }

  function upload({ values, region }: Call): Record<string, unknown> {
    const [name, certificate, privateKey] = [values.needed('Name'), values.text('Cert'), values.text('Key')];
    const form = behaviour.hyphenInNames === 'accepted' ? /^[A-Za-z0-9_-]{1,63}$/ : /^[A-Za-z0-9_]{1,63}$/;
    if (!form.test(name)) throw invalid('The specified Name is not valid.');
    if (certificate === undefined) throw missing('Cert');
    if (privateKey === undefined) throw missing('Key');
    const tags = values.items('Tags').map((tag) => [tag.needed('Key'), tag.text('Value') ?? ''] as const);
    const { id } = add(region, { name, certificate, privateKey }, Object.fromEntries(tags));
    return { CertId: id, ResourceId: `cas-upload-${id.toString(36)}` };
  }

  function list({ values, region }: Call): Record<string, unknown> {
    const [type, status] = [values.text('OrderType') ?? 'CPACK', values.text('Status')];
    const [page, size] = [values.integer('CurrentPage', 1, 1_000_000) ?? 1, values.integer('ShowSize', 1, 50) ?? 50];
    const keyword = values.text('Keyword')?.toLowerCase();
    // Without Status, only what is valid. Orders are none of the uploaded ones.
    const found = [...certificates.values()].filter(
      (one) =>
        one.region === region &&
        (type === 'CERT' || type === 'UPLOAD') &&
        (status === undefined ? !isExpired(one) : statusOf(one) === status) &&
        (keyword === undefined || [...one.names, one.commonName].some((name) => name.toLowerCase().includes(keyword))),
    );
    return {
      TotalCount: found.length,
      CurrentPage: page,
      ShowSize: size,
      CertificateOrderList: found.slice((page - 1) * size, page * size).map((one) => ({
        CertificateId: one.id,
        Name: one.name,
        CommonName: one.commonName,
        Sans: one.names.join(','),
        SerialNo: one.serial,
        Fingerprint: one.sha1,
        Sha2: one.sha256,
        Issuer: one.issuer,
        Algorithm: one.algorithm,
        StartDate: date(one.notBefore),
        EndDate: date(one.notAfter),
        CertStartTime: one.notBefore,
        CertEndTime: one.notAfter,
        Expired: isExpired(one),
        Upload: true,
        SourceType: 'upload',
        Status: statusOf(one),
        InstanceId: `cas-upload-${one.id.toString(36)}`,
        ResourceGroupId: 'rg-acfmxazb4ph6aiy',
      })),
    };
  }

  function named(values: Values, region: string): CasCertificate {
    const found = certificates.get(values.integer('CertId', 1, Number.MAX_SAFE_INTEGER)!);
    if (found === undefined || found.region !== region) throw notFound();
    return found;
  }

  function detail({ values, region }: Call): Record<string, unknown> {
    const one = named(values, region);
    const isFiltered = values.flag('CertFilter') === true;
    if (!isFiltered) keysSent += 1;
    return {
      Id: one.id,
      Name: one.name,
      Common: one.commonName,
      Sans: one.names.join(','),
      SerialNo: one.serial,
      Fingerprint: one.sha1,
      CertSha2: one.sha256,
      Sha2: one.sha256,
      Issuer: one.issuer,
      Algorithm: one.algorithm,
      StartDate: date(one.notBefore),
      EndDate: date(one.notAfter),
      NotBefore: one.notBefore,
      NotAfter: one.notAfter,
      Expired: isExpired(one),
      BuyInAliyun: false,
      CertIdentifier: `${one.id}-${one.region}`,
      InstanceId: `cas-upload-${one.id.toString(36)}`,
      Tags: Object.entries(one.tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
      ...(isFiltered ? {} : { Cert: one.pem, Key: one.key }),
    };
  }

  const texts = (...names: string[]) => Object.fromEntries(names.map((name) => [name, 'text'] as const));
  const actions: Readonly<Record<string, Action>> = {
    UploadUserCertificate: {
      parameters: {
        ...texts('Name!', 'Cert', 'Key', 'ResourceGroupId'),
        Tags: { list: { fields: { 'Key!': 'text', Value: 'text' } }, most: 20 },
      },
      perSecond: 100,
      run: upload,
    },
    ListUserCertificateOrder: {
      parameters: {
        ...texts('Keyword', 'ResourceGroupId'),
        CurrentPage: 'integer',
        ShowSize: 'integer',
        OrderType: ['CPACK', 'BUY', 'UPLOAD', 'CERT'],
        Status: ['PAYED', 'CHECKING', 'CHECKED_FAIL', 'ISSUED', 'WILLEXPIRED', 'EXPIRED', 'NOTACTIVATED', 'REVOKED'],
      },
      perSecond: 10,
      run: list,
    },
    GetUserCertificateDetail: {
      parameters: { 'CertId!': 'integer', CertFilter: 'boolean' },
      perSecond: 100,
      run: detail,
    },
    // No check of use is documented.
    DeleteUserCertificate: {
      parameters: { 'CertId!': 'integer' },
      perSecond: 100,
      run({ values, region }) {
        certificates.delete(named(values, region).id);
        return {};
      },
    },
  };
  return {
    certificates,
    add,
    find(region, id) {
      const found = certificates.get(id);
      if (found?.region !== region) return undefined;
      return clock.monotonicMs() - found.uploadedMs < visibleAfterMs ? undefined : found;
    },
    everHad: (region, id) => (ever.get(id)?.region === region ? ever.get(id) : undefined),
    forget: (id) => void certificates.delete(id),
    get keysSent() {
      return keysSent;
    },
    service: {
      ...{ product: 'Cas', version: '2020-04-07', ram: 'yundun-cert', actions },
      hosts: { 'cas.aliyuncs.com': 'cn-hangzhou', 'cas.ap-southeast-1.aliyuncs.com': 'ap-southeast-1' },
    },
  };
}
