import type { FakeAnswer, FakeRequest } from '../../../src/testing/fake-api.ts';
import { ApiError } from '../alibaba-clb/api-error.ts';
import type { AccessKey } from '../alibaba-clb/options.ts';
import { letters } from '../alibaba-clb/random.ts';
import { toXml } from '../alibaba-clb/xml.ts';
import type { Allow, Beside } from '../alibaba-gateway/gateway.ts';
import { chanceOf } from '../seeded.ts';
import type { Cname, Cnames } from './cnames.ts';
import { OssError } from './errors.ts';
import type { AlibabaOssOptions } from './options.ts';
import { createPutCname, readPutCname } from './put-cname.ts';
import { verify } from './signature.ts';

// The operations on buckets and their domain names. Sources: oss/developer-reference/{listbuckets,listcname,putcname,
// getbucketlocation}, oss/developer-reference/bucket-cname (RAM).

const xmlHeaders = { 'content-type': 'application/xml' };
/** The rights on CAS that a certificate needs besides, by the page of PutCname. */
const casRights = ['DescribeSSLCertificatePrivateKey', 'DescribeSSLCertificatePublicKeyDetail', 'CreateSSLCertificate'];

interface Place {
  readonly region: string;
  readonly bucket: string | undefined;
}

interface Call extends Place {
  readonly request: FakeRequest;
  readonly key: AccessKey;
  readonly allow: Allow;
}

type Operation = 'ListBuckets' | 'GetBucketLocation' | 'ListCname' | 'PutCname' | 'DeleteCname' | 'CreateCnameToken';

/** The parameters of each operation, and the value that tells it from another. */
const operations: readonly (readonly [Operation, string, Readonly<Record<string, string | undefined>>])[] = [
  ['ListBuckets', 'GET /', { marker: undefined, prefix: undefined, 'max-keys': undefined }],
  ['GetBucketLocation', 'GET /b', { location: '' }],
  ['ListCname', 'GET /b', { cname: '' }],
  ['PutCname', 'POST /b', { cname: '', comp: 'add' }],
  ['DeleteCname', 'POST /b', { cname: '', comp: 'delete' }],
  ['CreateCnameToken', 'POST /b', { cname: '', comp: 'token' }],
];

export function createOssApi(options: AlibabaOssOptions, cnames: Cnames): Beside {
  const { keys, clock, absentBuckets = [], perSecond = Number.POSITIVE_INFINITY } = options;
  const account = options.account ?? '1231579085529123';
  const random = chanceOf(6);
  const put = createPutCname(cnames, options.provenDomains ?? []);
  const recent = new Map<string, number[]>();
  const names = [...cnames.buckets.keys(), ...absentBuckets];

  /** Clients name the bucket in the host, or, at an origin of the test, in the path, where it is at its own endpoint. */
  function placeOf({ url, headers }: FakeRequest): Place & { readonly path: string } {
    const [, bucket, region] = /^(?:([a-z0-9-]*)\.)?oss-([a-z0-9-]+)\.aliyuncs\.com$/.exec(headers['host'] ?? '') ?? [];
    if (region !== undefined) return { region, bucket: bucket || undefined, path: url.pathname };
    const [, first = '', ...rest] = url.pathname.split('/');
    const at = cnames.buckets.get(first) ?? cnames.regions[0]!;
    return { region: at, bucket: first || undefined, path: `/${rest.join('/')}` };
  }

  function operationOf({ method, url }: FakeRequest, { bucket, path }: ReturnType<typeof placeOf>): Operation {
    if (path !== '/') throw new OssError('NoOperation');
    const query = url.searchParams;
    const isKnown = new Set(query.keys()).size === [...query].length;
    const found = operations.find(
      ([, at, parameters]) =>
        at === `${method} ${bucket === undefined ? '/' : '/b'}` &&
        [...query.keys()].every((name) => Object.hasOwn(parameters, name)) &&
        Object.entries(parameters).every(([name, value]) => value === undefined || query.get(name) === value),
    );
    if (found === undefined || !isKnown) throw new OssError('NoOperation');
    return found[0];
  }

  function listBuckets({ request, key, allow }: Call): string {
    try {
      allow(key, 'oss:ListBuckets', `acs:oss:*:${account}:*`);
    } catch (error) {
      throw error instanceof ApiError ? new OssError('ListDenied') : error;
    }
    const query = request.url.searchParams;
    const [marker, prefix, most] = [
      query.get('marker') ?? '',
      query.get('prefix') ?? '',
      query.get('max-keys') ?? '100',
    ];
    if (!/^[1-9]\d{0,3}$/.test(most) || Number(most) > 1000)
      throw new OssError('InvalidArgument', { ArgumentName: 'max-keys', ArgumentValue: most });
    const found = [...cnames.buckets.keys()].sort().filter((name) => name > marker && name.startsWith(prefix));
    const shown = found.slice(0, Number(most));
    const isTruncated = shown.length < found.length;
    return toXml('ListAllMyBucketsResult', {
      ...{ Prefix: prefix, Marker: marker, MaxKeys: most, IsTruncated: isTruncated },
      ...(isTruncated ? { NextMarker: shown.at(-1) } : {}),
      Owner: { ID: account, DisplayName: account },
      Buckets: {
        Bucket: shown.map((Name) => {
          const Region = cnames.buckets.get(Name)!;
          return {
            ...{ CreationDate: '2024-01-01T00:00:00.000Z', ExtranetEndpoint: `oss-${Region}.aliyuncs.com` },
            ...{ IntranetEndpoint: `oss-${Region}-internal.aliyuncs.com`, Location: `oss-${Region}`, Name, Region },
            StorageClass: 'Standard',
          };
        }),
      },
    });
  }

  const describe = ({ domain, isWildcard, isDisabled, modifiedMs, bound }: Cname) => ({
    ...{
      Domain: domain,
      LastModified: new Date(modifiedMs).toISOString(),
      Status: isDisabled ? 'Disabled' : 'Enabled',
    },
    ...(isWildcard ? { IsWildCard: true } : {}),
    ...(bound === undefined
      ? {}
      : {
          Certificate: {
            ...{ Type: bound.type, CertId: bound.certId, Status: 'Enabled' },
            CreationDate: new Date(bound.setMs).toUTCString(),
            Fingerprint: bound.certificate.sha1.replace(/..(?!$)/g, '$&:'),
            ValidStartDate: new Date(bound.certificate.notBefore).toUTCString(),
            ValidEndDate: new Date(bound.certificate.notAfter).toUTCString(),
          },
        }),
  });

  function onBucket(operation: Operation, { request, bucket, region, key, allow }: Call): string {
    const at = cnames.buckets.get(bucket!);
    if (at === undefined) throw new OssError('NoSuchBucket', { BucketName: bucket! });
    if (at !== region) throw new OssError('WrongEndpoint', { Endpoint: `oss-${at}.aliyuncs.com` });
    allow(key, `oss:${operation}`, `acs:oss:*:${account}:${bucket}`);
    if (operation === 'GetBucketLocation') return toXml('LocationConstraint', `oss-${at}`);
    if (operation === 'ListCname') {
      const found = cnames.all.filter((one) => one.bucket === bucket);
      return toXml('ListCnameResult', { Bucket: bucket, Owner: account, Cname: found.map(describe) });
    }
    // These end a binding, or begin one: nothing that a delivery does.
    if (operation !== 'PutCname')
      throw new OssError('NoOperation', { Fake: `${operation} is not part of a delivery.` });
    put(bucket!, readPutCname(request.text), () => {
      for (const right of casRights) allow(key, `yundun-cert:${right}`, `acs:yundun-cert:*:${account}:*`);
    });
    return '';
  }

  function throttle(operation: Operation): void {
    const now = clock.monotonicMs();
    const times = (recent.get(operation) ?? []).filter((time) => now - time < 1000);
    recent.set(operation, times);
    if (times.length >= perSecond) throw new OssError('SlowDown');
    times.push(now);
  }

  function run(request: FakeRequest, allow: Allow): string {
    const place = placeOf(request);
    const now = clock.now().getTime();
    const key = verify({ request, ...place }, keys, now);
    const operation = operationOf(request, place);
    throttle(operation);
    cnames.settle();
    const call = { ...place, request, key, allow };
    return operation === 'ListBuckets' ? listBuckets(call) : onBucket(operation, call);
  }

  const https = (host: string) => `https://${host}.aliyuncs.com`;
  return {
    origins: cnames.regions.flatMap((region) => [
      https(`oss-${region}`),
      ...names.map((name) => https(`${name}.oss-${region}`)),
    ]),
    nameOf(request) {
      try {
        return operationOf(request, placeOf(request));
      } catch {
        return `${request.method} ${request.url.search}`;
      }
    },
    answer(request, allow) {
      const requestId = letters(random, 24, '0123456789ABCDEF');
      const headers = { ...xmlHeaders, server: 'AliyunOSS', 'x-oss-request-id': requestId };
      const answer = (status: number, body: string): FakeAnswer => ({ status, headers, body });
      try {
        return { answer: answer(200, run(request, allow)), code: undefined };
      } catch (thrown) {
        const error = thrown instanceof ApiError ? new OssError('AccessDenied') : thrown;
        if (!(error instanceof OssError)) throw error;
        const { code, status, message, ec, details } = error;
        const about = {
          ...{ Code: code, Message: message, RequestId: requestId, HostId: request.url.host, ...details },
          ...(ec === undefined ? {} : { EC: ec, RecommendDoc: `https://api.aliyun.com/troubleshoot?q=${ec}` }),
        };
        const sent = answer(status, toXml('Error', about));
        return { answer: ec === undefined ? sent : { ...sent, headers: { ...headers, 'x-oss-ec': ec } }, code };
      }
    },
  };
}
