import { type Fields, isFields } from '../../core/text/json.ts';
import type { Clock } from '../../ports/clock.ts';
import { type CdnDomain, certificateForm } from '../cdn/domain.ts';
import { badList } from '../http/balancer-errors.ts';
import { readList, readString } from '../http/json-api.ts';
import { readPages } from '../http/pages.ts';
import { type Qiniu, title } from './qiniu.ts';

// CDN ("Fusion"). The list of domains has neither HTTPS nor certificates, so each domain is read, too.

export interface QiniuDomain extends CdnDomain {
  /** As the API writes it. */
  readonly listed: string;
  readonly forceHttps: boolean;
  readonly http2Enable: boolean;
}

export interface QiniuCdn {
  readonly title: string;
  /** Returns every domain of the account, without what {@link complete} reads. */
  domains(signal: AbortSignal): Promise<readonly QiniuDomain[]>;
  /** Reads HTTPS and certificate of a domain. They may be as they were at most `ageMs` ago, or as this process set them. */
  complete(domain: QiniuDomain, ageMs: number, signal: AbortSignal): Promise<QiniuDomain>;
  /** Replaces the certificate of a domain on which HTTPS is on, and nothing else. */
  set(domain: QiniuDomain, id: string, signal: AbortSignal): Promise<void>;
}

interface Https {
  readonly id: string;
  readonly forceHttps: boolean;
  readonly http2Enable: boolean;
}

export interface QiniuCdnParts {
  readonly call: Qiniu;
  readonly clock: Clock;
  /** Returns the name of a certificate. */
  nameOf(id: string, ageMs: number, signal: AbortSignal): Promise<string | undefined>;
}

export function connectQiniuCdn({ call, clock, nameOf }: QiniuCdnParts): QiniuCdn {
  /** What was read, and what was set and accepted in this process, by the listed name. */
  const known = new Map<string, { readonly atMs: number; readonly isOwn: boolean; readonly https: Https }>();

  async function httpsOf({ listed, phase }: QiniuDomain, ageMs: number, signal: AbortSignal): Promise<Https> {
    const atMs = clock.monotonicMs();
    const last = known.get(listed);
    // While it is being rolled out, the list shows how far it is. A roll-out that failed shows nothing of the certificate.
    if (last && atMs - last.atMs < (last.isOwn && phase !== 'failed' ? settleMs : ageMs)) return last.https;
    const path = `/domain/${encodeURIComponent(listed)}`;
    const https = await call({ method: 'GET', path, what: 'GET /domain/NAME', read: httpsIn }, signal);
    known.set(listed, { atMs, isOwn: false, https });
    return https;
  }

  return {
    title: `${title} CDN`,
    domains: (signal) =>
      readPages<QiniuDomain, string>(badList(title, 'GET /domain'), '', (marker) => {
        const path = `/domain?${new URLSearchParams({ marker, limit: pageSize })}`;
        const read = (body: Fields) => ({
          found: readList(body['domains'] ?? [], 'domains', 'name').map(domainIn),
          next: typeof body['marker'] === 'string' && body['marker'] !== '' ? body['marker'] : undefined,
        });
        return call({ method: 'GET', path, what: 'GET /domain', read }, signal);
      }),
    async complete(domain, ageMs, signal) {
      const { id, ...others } = await httpsOf(domain, ageMs, signal);
      if (id === '') return { ...domain, ...others };
      const name = (await nameOf(id, namesMs, signal)) ?? '';
      return { ...domain, ...others, https: true, certificate: { id, name } };
    },
    async set({ listed, forceHttps, http2Enable }, id, signal) {
      const path = `/domain/${encodeURIComponent(listed)}/httpsconf`;
      const what = 'PUT /domain/NAME/httpsconf';
      const body = { certId: id, forceHttps, http2Enable };
      known.delete(listed);
      await call({ method: 'PUT', path, what, body, untilCertificate: true, read: () => undefined }, signal);
      known.set(listed, { atMs: clock.monotonicMs(), isOwn: true, https: { id, forceHttps, http2Enable } });
    },
  };
}

const pageSize = '100';
/** A change takes 5 to 10 minutes, the documents say. */
export const settleMs = 15 * 60_000;
/** How old the list of certificates may be that lacks an ID: another program may just have uploaded it. */
const namesMs = 10_000;

function httpsIn(body: Fields): Https {
  const https = isFields(body['https']) ? body['https'] : {};
  const id = https['certId'];
  return {
    id: typeof id === 'string' ? id : '',
    forceHttps: https['forceHttps'] === true,
    http2Enable: https['http2Enable'] === true,
  };
}

const phases: Readonly<Record<string, CdnDomain['phase']>> = {
  processing: 'changing',
  failed: 'failed',
  frozen: 'resting',
  offlined: 'resting',
};

function domainIn(row: Fields): QiniuDomain {
  const listed = readString(row, 'name');
  const status = String(row['operatingState'] ?? '');
  const others = { https: false, certificate: undefined, forceHttps: false, http2Enable: false };
  return { name: certificateForm(listed), listed, status, phase: phases[status] ?? 'serving', ...others };
}
