import { type CertificateFacts, covers, isLeafAlone, readCertificate } from '../alibaba-gateway/pem.ts';
import { QiniuError, type Route, wrong } from './gateway.ts';
import type { Behaviour, PemOptions, QiniuCdnOptions } from './options.ts';
import { pageOf } from './pages.ts';

// The account's certificates. Sources: developer.qiniu.com/fusion/8593/interface-related-certificate (calls, codes) and
// fusion/13368 (the newer spelling `commonName`); certimate (fields of the list).

export interface Certificate extends CertificateFacts {
  readonly id: string;
  readonly name: string;
  readonly commonNameGiven: string;
  readonly pem: string;
  readonly key: string;
  readonly createdMs: number;
  readonly visibleAtMs: number;
}

export interface Certificates {
  /** The newest first. */
  readonly all: readonly Certificate[];
  readonly routes: Readonly<Record<string, Route>>;
  /** Adds one that is visible at once. */
  add(given: PemOptions): Certificate;
  /** What CDN finds. */
  find(id: string): Certificate | undefined;
  remove(id: string): void;
  keysSent(): number;
}

const shortestMs = 86_400_000;
const chainFailed = () => new QiniuError(400323, 'verify certificate chain failed');

export function createCertificates(
  options: QiniuCdnOptions,
  behaviour: Behaviour,
  isUsed: (id: string) => boolean,
): Certificates {
  const { clock, quota = Number.POSITIVE_INFINITY, usedByStorage = [], visibleAfterMs = 0 } = options;
  const all: Certificate[] = [];
  let [made, keysSent] = [0, 0];

  function keep(given: PemOptions & { readonly commonName?: string }, visibleAtMs: number): Certificate {
    const facts = readCertificate(given.certificate, given.privateKey, 'accepted');
    if (facts === 'certificate') throw new QiniuError(404906, 'decode certificate failed');
    if (typeof facts === 'string') throw new QiniuError(404906, 'decode private key failed');
    made += 1;
    const added: Certificate = {
      ...facts,
      id: `68109347f23d4551${made.toString(16).padStart(8, '0')}`,
      name: given.name,
      commonNameGiven: given.commonName ?? facts.names[0] ?? '',
      pem: given.certificate,
      key: given.privateKey,
      createdMs: clock.now().getTime(),
      visibleAtMs,
    };
    all.unshift(added);
    return added;
  }

  const visible = (): readonly Certificate[] => all.filter(({ visibleAtMs }) => clock.monotonicMs() >= visibleAtMs);
  const find = (id: string): Certificate | undefined => visible().find((one) => one.id === id);
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  const about = (one: Certificate) => ({
    ...{ name: one.name, common_name: one.commonNameGiven, dnsnames: one.names },
    ...{ create_time: seconds(one.createdMs), not_before: seconds(one.notBefore), not_after: seconds(one.notAfter) },
  });
  const success = behaviour.codeInSuccess ? { code: 200, error: '' } : {};
  const needed = (id: string): Certificate => {
    const found = find(id);
    if (found === undefined) throw new QiniuError(400401, 'no such certificate');
    return found;
  };

  const upload: Route = {
    body: { 'name!': 'text', common_name: 'text', commonName: 'text', 'pri!': 'text', 'ca!': 'text' },
    run({ values }) {
      const commonName = values.text('common_name') ?? values.text('commonName');
      const [name, certificate, privateKey] = [values.needed('name'), values.needed('ca'), values.needed('pri')];
      if (name === '' || !commonName) throw wrong('name and common_name must not be empty.');
      if (all.length >= quota) throw new QiniuError(400500, 'the maximum of certificates is exceeded');
      const facts = readCertificate(certificate, privateKey, 'accepted');
      if (typeof facts !== 'string') {
        const nowMs = clock.now().getTime();
        if (facts.notAfter <= nowMs) throw new QiniuError(400329, 'the certificate has expired');
        if (facts.notAfter - nowMs < shortestMs) throw new QiniuError(400322, 'the certificate is not valid for long');
        if (isLeafAlone(certificate, facts) && behaviour.leafAlone === 'refused') throw chainFailed();
        if (!covers(facts, commonName)) throw wrong('common_name does not match the certificate.');
      }
      const { id } = keep({ name, certificate, privateKey, commonName }, clock.monotonicMs() + visibleAfterMs);
      return { ...success, certID: id };
    },
  };

  const routes: Readonly<Record<string, Route>> = {
    'POST /sslcert': upload,
    'GET /sslcert': {
      query: ['marker', 'limit'],
      run({ query }) {
        const { found, marker } = pageOf(query, visible(), ({ id }) => id, { most: 200, otherwise: 100 });
        return {
          ...success,
          marker,
          certs: found.map((one) => ({
            ...{ certid: one.id, ...about(one), orderid: '', product_short_name: '', product_type: '' },
            ...{ cert_type: 'UPLOAD', encrypt: one.algorithm === 'RSA' ? 'RSA' : 'ECDSA', encryptParameter: '' },
            enable: true,
          })),
        };
      },
    },
    // It has the private key, so a client should not ask.
    'GET /sslcert/:id': {
      run({ path }) {
        const one = needed(path['id']!);
        keysSent += 1;
        return { ...success, ...about(one), ca: one.pem, pri: one.key };
      },
    },
    'DELETE /sslcert/:id': {
      run({ path }) {
        const { id, name } = needed(path['id']!);
        if (isUsed(id)) throw new QiniuError(400611, 'the certificate is bound to a CDN domain');
        if (usedByStorage.includes(name)) throw new QiniuError(400911, 'the certificate is bound to a storage domain');
        remove(id);
        return success;
      },
    },
  };

  function remove(id: string): void {
    all.splice(
      all.findIndex((one) => one.id === id),
      1,
    );
  }

  for (const given of options.certificates ?? []) keep(given, 0);
  return { all, routes, add: (given) => keep(given, 0), find, remove, keysSent: () => keysSent };
}
