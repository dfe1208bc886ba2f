// What Alibaba's own client, ali-oss 6.23.0, sent to the fake with the key of `root`, first with signatures V4, then with V1:
// list of buckets, ListCname, PutCname, GetBucketLocation. The package is no dependency, because it brings a hundred others.

export const recordedAt = '2026-11-29T10:50:03Z';

export interface RecordedCall {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export const recordedCalls: readonly RecordedCall[] = [
  {
    method: 'GET',
    url: 'https://oss-cn-hangzhou.aliyuncs.com/?max-keys=10&prefix=site',
    headers: {
      'x-oss-date': '20261129T105003Z',
      'x-oss-content-sha256': 'UNSIGNED-PAYLOAD',
      authorization:
        'OSS4-HMAC-SHA256 Credential=LTAIroot/20261129/cn-hangzhou/oss/aliyun_v4_request,Signature=573f6cb1c8c86cdaeced308a20912c43b11d66291cad390e38b6f5bd6cecbae2',
    },
  },
  {
    method: 'GET',
    url: 'https://site-a.oss-cn-hangzhou.aliyuncs.com/?cname=',
    headers: {
      'x-oss-date': '20261129T105004Z',
      'x-oss-content-sha256': 'UNSIGNED-PAYLOAD',
      authorization:
        'OSS4-HMAC-SHA256 Credential=LTAIroot/20261129/cn-hangzhou/oss/aliyun_v4_request,Signature=da5bf330b33b293c2d83567a1900cc5485633ea88c11eb7d13a6826b316fab12',
    },
  },
  {
    method: 'POST',
    url: 'https://site-a.oss-cn-hangzhou.aliyuncs.com/?cname=&comp=add',
    headers: {
      'x-oss-date': '20261129T105004Z',
      'x-oss-content-sha256': 'UNSIGNED-PAYLOAD',
      'content-type': 'application/xml',
      'content-md5': 'wgk1Imgqntutkew+HQENFg==',
      authorization:
        'OSS4-HMAC-SHA256 Credential=LTAIroot/20261129/cn-hangzhou/oss/aliyun_v4_request,Signature=afe83a19de3b195f95a5d47ee6fdf7e72bab97256bef64ad1cada2ce1cbf04c3',
    },
    body: '<BucketCnameConfiguration><Cname><Domain>www.example.com</Domain><CertificateConfiguration><CertId>13781327-cn-hangzhou</CertId><PreviousCertId>13781326-cn-hangzhou</PreviousCertId></CertificateConfiguration></Cname></BucketCnameConfiguration>',
  },
  {
    method: 'GET',
    url: 'https://site-a.oss-cn-hangzhou.aliyuncs.com/?location=',
    headers: {
      'x-oss-date': '20261129T105004Z',
      'x-oss-content-sha256': 'UNSIGNED-PAYLOAD',
      authorization:
        'OSS4-HMAC-SHA256 Credential=LTAIroot/20261129/cn-hangzhou/oss/aliyun_v4_request,Signature=202b52e525d49bbd7cd028285b3123973ba8c8f7cdfa98c4bb4f83b10c1a3b13',
    },
  },
  {
    method: 'GET',
    url: 'https://oss-cn-hangzhou.aliyuncs.com/?max-keys=10&prefix=site',
    headers: {
      'x-oss-date': 'Sun, 29 Nov 2026 10:50:04 GMT',
      authorization: 'OSS LTAIroot:6YvIPDFdp6UmFYlzuwb+Kq28WuE=',
    },
  },
  {
    method: 'GET',
    url: 'https://site-a.oss-cn-hangzhou.aliyuncs.com/?cname=',
    headers: {
      'x-oss-date': 'Sun, 29 Nov 2026 10:50:04 GMT',
      authorization: 'OSS LTAIroot:hEMbE/8PmrDWzkRcBlGvSn8SpQQ=',
    },
  },
  {
    method: 'POST',
    url: 'https://site-a.oss-cn-hangzhou.aliyuncs.com/?cname=&comp=add',
    headers: {
      'x-oss-date': 'Sun, 29 Nov 2026 10:50:04 GMT',
      'content-type': 'application/xml',
      'content-md5': 'wgk1Imgqntutkew+HQENFg==',
      authorization: 'OSS LTAIroot:Zhq8nbJFJcNlEo01F+B83noX5Go=',
    },
    body: '<BucketCnameConfiguration><Cname><Domain>www.example.com</Domain><CertificateConfiguration><CertId>13781327-cn-hangzhou</CertId><PreviousCertId>13781326-cn-hangzhou</PreviousCertId></CertificateConfiguration></Cname></BucketCnameConfiguration>',
  },
  {
    method: 'GET',
    url: 'https://site-a.oss-cn-hangzhou.aliyuncs.com/?location=',
    headers: {
      'x-oss-date': 'Sun, 29 Nov 2026 10:50:04 GMT',
      authorization: 'OSS LTAIroot:95Cu5t1XUNRmDdtytW6JD3ErsUA=',
    },
  },
];
