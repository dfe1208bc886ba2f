import { markIn } from '../../core/request-path/own-mark.ts';
import type { Right } from '../../core/request-path/rights.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import { type CdnParts, createCdnDelivery, recentMs } from '../cdn/delivery.ts';
import type { CdnDomain } from '../cdn/domain.ts';
import type { Cas, CasUpload } from './cas.ts';

/** What the delivery needs of a service whose domains get their certificates from CAS. */
export interface CasParts<Domain extends CdnDomain>
  extends Pick<CdnParts<Domain>, 'type' | 'title' | 'options' | 'domains' | 'visibleWithinMs' | 'holderOf'> {
  readonly cas: Cas;
  readonly clock: Clock;
  /** How long a domain may take to roll a certificate out. */
  readonly settleMs: number;
  /** Sets an upload at one domain that has HTTPS on. */
  set(domain: Domain, upload: CasUpload, signal: AbortSignal): Promise<void>;
  rights(signal: AbortSignal): Promise<readonly Right[]>;
  /** Makes the errors of one step those of the target. */
  at<T>(of: { readonly lineage: string }, signal: AbortSignal, step: () => Promise<T>): Promise<T>;
}

/**
 * Creates the deployer of such a service: it uploads a version to CAS once, and sets it at each domain. A domain names its
 * certificate as CAS does.
 */
export function createCasDelivery<Domain extends CdnDomain>(parts: CasParts<Domain>): Deployer {
  const { type, cas, clock, settleMs, at } = parts;
  const places = createCdnDelivery({
    ...parts,
    versionIn: (certificate) => (cas.isOurs(certificate.name) ? cas.markIn(certificate)?.id : undefined),
    changesWithinMs: 0,
  });
  const wanted = (version: VersionBundle) => ({ version, id: cas.nameOf(version) });
  return {
    type,
    scope: 'fleet',
    keepsUntilExpiry: true,
    concurrent: true,
    uploads: cas.lock,
    settleMs,

    check: (room, signal) => at(room, signal, () => places.describe(room, signal)),

    rights: async (signal) => (await Promise.all([parts.rights(signal), cas.rights(signal)])).flat(),

    look: (version, signal) => at(version, signal, () => places.look(wanted(version), signal)),

    stage: (version, note, signal) =>
      at(version, signal, async () => {
        await places.check(wanted(version), signal);
        const isThere = version.sent !== undefined || (await places.has(cas.nameOf(version), recentMs, signal));
        const found = isThere ? await cas.find(version, signal) : undefined;
        const { id, name: uploaded } = found ?? (await cas.upload(version, signal));
        const receipt = { certificate: id, name: uploaded.replaceAll('_', '-') };
        await note(receipt);
        return receipt;
      }),

    activate: (version, staged, _note, signal) =>
      at(version, signal, () => {
        const { certificate: id } = staged as { readonly certificate: string };
        const upload = { id, name: cas.nameOf(version), region: cas.region };
        return places.activate(wanted(version), (domain) => parts.set(domain, upload, signal), signal);
      }),

    async owned(signal) {
      return (await cas.marked(signal)).map((one) => ({ kind: 'certificate', ...one }));
    },

    async removeOwned({ id, name: mark }, signal) {
      // Other services may use it, too, and no API shows that. Once it has expired, they cannot use it.
      const isExpired = (markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY) < clock.now().getTime();
      const isSet = await places.has(mark.replaceAll('-', '_'), 0, signal);
      if (isExpired && !isSet) await cas.remove(id, signal);
    },
  };
}
