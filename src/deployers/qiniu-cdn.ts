import { createCdnDelivery, recentMs } from '../clients/cdn/delivery.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { connectQiniuCdn, settleMs } from '../clients/qiniu/cdn.ts';
import { certificatesOf } from '../clients/qiniu/certificates.ts';
import { connectQiniu, qiniuRights } from '../clients/qiniu/qiniu.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import { cdnDomains, credentialsFile, defineDeployer, endpoint, exceptOfCovered, secret, z } from '../define.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'qiniu-cdn',
  title: 'Qiniu CDN',
  homepage: 'https://www.qiniu.com/products/qcdn',
  apiDocs: 'https://developer.qiniu.com/fusion/13364/fusion-api-domain-config',
  names: ['七牛云 CDN', '融合 CDN'],
  since: '0.1.0',
  options: z
    .strictObject({
      ...cdnDomains(),
      accessKey: secret('AccessKey (AK)', { aliases: ['QINIU_ACCESS_KEY', 'QINIU_AK'] }),
      secretKey: secret('SecretKey (SK)', { aliases: ['QINIU_SECRET_KEY', 'QINIU_SK'] }),
      credentials: credentialsFile(),
      endpoint: endpoint(),
    })
    .refine(...exceptOfCovered),
  notes: `Uploads the certificate once to the SSL certificates of the account, and sets it at each domain. certfleet never
switches HTTPS on: \`covered\` leaves a domain without HTTPS alone, and one that is listed is pending until you switch it
on in the console. The redirect to HTTPS and HTTP/2 are in the same call of the API, so they are read and sent back; no
other setting is touched. A domain that is added later gets the certificate at the next \`certfleet renew\`, and one that
refuses it is pending alone. RSA and ECDSA keys are taken.

The list of domains says nothing of certificates, so each look reads every domain that the certificate covers, at most ten
a second.

Qiniu refuses to delete a certificate that CDN or the object storage uses, but documents nothing of live streaming, so
superseded ones stay. \`certfleet sweep --lost\` lists them, and removes those that have expired and are not in use. Domains
of the object storage (Kodo) alone are another product, and are not found here.

The keys are those of the account (Personal Center → Key Management). Qiniu documents no smaller rights for CDN and SSL
certificates.`,
  connect({ options, name, world, owner, holderOf }): Deployer {
    const call = connectQiniu({ options, name, world });
    const certificates = certificatesOf({ call, options, owner, world });
    const cdn = connectQiniuCdn({ call, clock: world.clock, nameOf: certificates.nameOf });
    const places = createCdnDelivery({
      ...{ type: 'qiniu-cdn', holderOf },
      ...{ title: cdn.title, clock: world.clock, options, domains: cdn.domains, complete: cdn.complete },
      versionIn(certificate) {
        const mark = markIn(certificate.name);
        return mark?.owner === owner ? mark.id : undefined;
      },
      ...{ visibleWithinMs: settleMs, changesWithinMs: 10_000 },
    });
    const atCdn = <T>(
      { lineage }: { readonly lineage: string },
      signal: AbortSignal,
      step: () => Promise<T>,
    ): Promise<T> => onTarget(targetName('qiniu-cdn', name), lineage, signal, () => advising(step));
    /** The ID of each version that this process has staged. */
    const staged = new Map<string, string>();
    const idOf = async (version: VersionBundle, signal: AbortSignal): Promise<string | undefined> =>
      staged.get(version.facts.fingerprint) ?? (await certificates.find(version, recentMs, signal));

    return {
      type: 'qiniu-cdn',
      scope: 'fleet',
      keepsUntilExpiry: true,
      concurrent: true,
      uploads: certificates.lock,
      settleMs,

      check: (room, signal) => atCdn(room, signal, () => places.describe(room, signal)),

      rights: (signal) => qiniuRights(call, signal),

      look: (version, signal) =>
        atCdn(version, signal, async () => places.look({ version, id: await idOf(version, signal) }, signal)),

      stage: (version, note, signal) =>
        atCdn(version, signal, async () => {
          const there = await certificates.find(version, recentMs, signal);
          await places.check({ version, id: there }, signal);
          const certificate = there ?? (await certificates.upload(version, signal));
          staged.set(version.facts.fingerprint, certificate);
          const receipt = { certificate };
          await note(receipt);
          return receipt;
        }),

      activate: (version, receipt, _note, signal) =>
        atCdn(version, signal, () => {
          const id = certificateIn(receipt);
          return places.activate({ version, id }, (domain) => cdn.set(domain, id, signal), signal);
        }),

      async owned(signal) {
        const all = await certificates.all(signal);
        return all.filter(({ name: mark }) => markIn(mark)).map((one) => ({ kind: 'certificate', ...one }));
      },

      async removeOwned({ id, name: mark }, signal) {
        // Live streaming may use it, too, and no API shows that. Once it has expired, it cannot be used there.
        const isExpired = (markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY) < world.clock.now().getTime();
        if (isExpired) await certificates.remove(id, signal);
      },
    };
  },
});

const certificateIn = (receipt: Json): string => (receipt as { readonly certificate: string }).certificate;
