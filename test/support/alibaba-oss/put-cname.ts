import { parseXml, XmlElement, XmlText } from '@rgrove/parse-xml';
import { ApiError } from '../alibaba-clb/api-error.ts';
import { letters } from '../alibaba-clb/random.ts';
import { chanceOf } from '../seeded.ts';
import { type Bound, type Cname, type Cnames, idOf } from './cnames.ts';
import { OssError } from './errors.ts';

// PutCname. Sources: oss/developer-reference/putcname, the pages of the error codes 0018-00000115, -204, -206, -209, -210,
// -401, terraform-provider-alicloud PR 10209 (DeleteCertificate), certd #474, certimate #1042.

type Fields = ReadonlyMap<string, string | Fields>;

/** What an element may hold: each child at most once, with a text or with children of its own. */
type Children = Readonly<Record<string, 'text' | Readonly<Record<string, 'text'>>>>;

function read(element: XmlElement, children: Children): Fields {
  const found = new Map<string, string | Fields>();
  for (const child of element.children) {
    if (child instanceof XmlText && child.text.trim() === '') continue;
    if (!(child instanceof XmlElement)) throw new OssError('MalformedXML');
    const schema = children[child.name];
    if (schema === undefined || found.has(child.name)) throw new OssError('MalformedXML');
    if (schema !== 'text') found.set(child.name, read(child, schema));
    else if (child.children.some((one) => !(one instanceof XmlText))) throw new OssError('MalformedXML');
    else found.set(child.name, child.text.trim());
  }
  return found;
}

export interface Asked {
  readonly domain: string;
  readonly isWildcard: boolean;
  /** Of CertificateConfiguration; undefined if there is none. */
  readonly given: Fields | undefined;
}

const certificateFields = {
  CertId: 'text',
  Certificate: 'text',
  PrivateKey: 'text',
  PreviousCertId: 'text',
  Force: 'text',
  DeleteCertificate: 'text',
} as const;

const flag = (fields: Fields, name: string): boolean | undefined => {
  const text = fields.get(name);
  if (text !== undefined && text !== 'true' && text !== 'false') throw new OssError('MalformedXML');
  return text === undefined ? undefined : text === 'true';
};
const textOf = (fields: Fields | undefined, name: string): string | undefined => {
  const found = fields?.get(name);
  return typeof found === 'string' && found !== '' ? found : undefined;
};

export function readPutCname(body: string): Asked {
  let root: XmlElement | null;
  try {
    root = parseXml(body).root;
  } catch {
    throw new OssError('MalformedXML');
  }
  if (root?.name !== 'BucketCnameConfiguration') throw new OssError('MalformedXML');
  const [cname] = root.children.filter((one) => one instanceof XmlElement);
  if (cname === undefined || root.children.some((one) => one instanceof XmlElement && one !== cname))
    throw new OssError('MalformedXML');
  if (cname.name !== 'Cname') throw new OssError('MalformedXML');
  const fields = read(cname, { Domain: 'text', IsWildCard: 'text', CertificateConfiguration: certificateFields });
  const domain = textOf(fields, 'Domain');
  if (domain === undefined) throw new OssError('MalformedXML');
  const given = fields.get('CertificateConfiguration') as Fields | undefined;
  if (given !== undefined && flag(given, 'DeleteCertificate') === true) {
    if (['Force', 'CertId', 'Certificate', 'PrivateKey'].some((name) => given.has(name)))
      throw new OssError('MalformedXML');
  }
  return { domain, isWildcard: flag(fields, 'IsWildCard') === true, given };
}

const reserved = /(^|\.)(aliyuncs|aliyun|aliyun-inc|taobaocdn|taobao)\.com$/;

export function createPutCname(cnames: Cnames, provenDomains: readonly string[]) {
  const random = chanceOf(5);
  const { cas, behaviour } = cnames;

  /** The certificate of a call; one that comes as a text leaves a copy in CAS, under a name of its own. */
  function certificateOf(given: Fields): Bound | undefined {
    const [certId, pem, key] = ['CertId', 'Certificate', 'PrivateKey'].map((name) => textOf(given, name));
    const setMs = cnames.now();
    if (certId !== undefined) {
      if (Buffer.byteLength(certId) >= 64) throw new OssError('CertIdTooLong');
      const certificate = cnames.inCas(certId);
      if (certificate === undefined) throw new OssError('CertificateInvalidCasId');
      return { certId, type: 'CAS', setMs, certificate };
    }
    if (pem === undefined && key !== undefined) throw new OssError('KeyWithoutCertificate');
    if (pem === undefined) return undefined;
    if (key === undefined) throw new OssError('CertificateInvalid');
    const name = `oss_${letters(random, 12)}`;
    try {
      const certificate = cas.add('cn-hangzhou', { name, certificate: `${pem}\n`, privateKey: `${key}\n` });
      return { certId: idOf(certificate), type: 'CAS', setMs, certificate };
    } catch (error) {
      if (error instanceof ApiError) throw new OssError('CertificateInvalid', { Reason: error.message });
      throw error;
    }
  }

  function checkPrevious({ bound }: Cname, given: Fields): void {
    if (flag(given, 'Force') === true) return;
    const previous = textOf(given, 'PreviousCertId');
    if (previous === undefined && (bound === undefined || behaviour.blindReplace === 'accepted')) return;
    if (previous !== bound?.certId) throw new OssError('PreviousCertIdDiffers');
  }

  /** @param allowCas throws unless RAM lets the key work with certificates of CAS */
  return (bucket: string, { domain, isWildcard, given }: Asked, allowCas: () => void): void => {
    if (!/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(domain) || reserved.test(domain))
      throw new OssError('InvalidDomainName');
    let cname = cnames.find(domain, isWildcard);
    const isOurs = cname?.bucket === bucket;
    if (!isOurs && (cname !== undefined || !provenDomains.includes(domain)))
      throw new OssError('NeedVerifyDomainOwnership');
    if (given !== undefined) allowCas();
    cname ??= {
      ...{ domain, bucket, isWildcard, modifiedMs: cnames.now(), isDisabled: false },
      ...{ bound: undefined, rollOut: undefined, turns: 0 },
    };
    if (given !== undefined) {
      checkPrevious(cname, given);
      const bound = flag(given, 'DeleteCertificate') === true ? undefined : certificateOf(given);
      if (bound !== undefined || flag(given, 'DeleteCertificate') === true) cnames.bind(cname, bound);
    }
    if (!isOurs) cnames.all.push(cname);
  };
}
