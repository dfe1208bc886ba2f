import { createHash } from 'node:crypto';
import { connectEsa, type EsaCertificate } from '../clients/alibaba/esa.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { isRefusal } from '../clients/http/json-api.ts';
import { createRecent } from '../core/async/recent.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import { markIn, nameWithMark } from '../core/request-path/own-mark.ts';
import { alibabaKeys, defineDeployer, originEndpoint, z } from '../define.ts';
import type { Deployer, Look, VersionBundle } from '../ports/deployer.ts';

const endpoints = {
  china: 'https://esa.cn-hangzhou.aliyuncs.com',
  international: 'https://esa.ap-southeast-1.aliyuncs.com',
} as const;

export default defineDeployer({
  id: 'alibaba-esa',
  title: 'Alibaba Cloud ESA (Edge Security Acceleration)',
  homepage: 'https://www.alibabacloud.com/product/esa',
  apiDocs: 'https://www.alibabacloud.com/help/en/edge-security-acceleration/esa/api-esa-2024-09-10-setcertificate',
  names: ['阿里云 ESA', '边缘安全加速'],
  since: '0.1.0',
  options: z.strictObject({
    zone: z
      .string()
      .regex(/^([a-z0-9-]+\.)+[a-z0-9-]+$/, { error: 'expected the name of a site in small letters, like example.com' })
      .meta({ title: 'Name of the site (zone) in ESA', examples: ['example.com'] }),
    site: z.enum(['china', 'international']).default('china').meta({ title: 'The site where the account was opened' }),
    ...alibabaKeys([]),
    endpoint: originEndpoint('Endpoint of ESA, if not the site’s'),
  }),
  notes: `Adds the certificate to a site of ESA, and replaces it there, under the same ID, at each renewal: the edge presents it
for the names that it covers. Certificates of others, and the free ones of ESA, stay as they are, and so does every
setting, such as HTTPS. A plan allows few certificates, and those that have expired count; an order begins only if there
is room. RSA and ECDSA keys are taken. Several sites are several deployers.

\`certfleet delete\` leaves the certificate in ESA, because the site may still present it; remove it in the console. The RAM
user or role needs

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "esa:ListSites", "esa:ListCertificates", "esa:SetCertificate", "esa:ListInstanceQuotasWithUsage"
      ],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`esa:DeleteCertificate\` for \`sweep --lost\`, which removes those that have expired.`,
  connect({ options, name, world, owner }): Deployer {
    const target = targetName('alibaba-esa', name);
    const { clock } = world;
    const { zone, site } = options;
    const esa = connectEsa({ site: zone, endpoint: options.endpoint ?? endpoints[site], options, name, world });
    const atEsa = <T>({ lineage }: { readonly lineage: string }, signal: AbortSignal, step: () => Promise<T>) =>
      onTarget(target, lineage, signal, () => advising(step));

    /** The versions that this process has tried to set, of which it must not believe an older list. */
    const tried = new Set<string>();
    /** The certificates of the site. The deliveries of a pass share the list. */
    const certificates = createRecent(clock, esa.certificates);

    /** Reports whether a certificate is one of this lineage, of any version. */
    const isOf =
      (lineage: string) =>
      ({ name: own }: EsaCertificate): boolean => {
        const mark = markIn(own);
        return mark?.owner === owner && mark.id === idOf(lineage);
      };
    const isVersion =
      ({ facts }: VersionBundle) =>
      ({ fingerprint }: EsaCertificate): boolean =>
        fingerprint === facts.fingerprint;

    const nameFor = ({ lineage, facts }: VersionBundle): string =>
      nameWithMark({ owner, expires: new Date(facts.notAfter), id: idOf(lineage) });

    async function set(version: VersionBundle, signal: AbortSignal): Promise<void> {
      const all = await certificates.get(0, signal);
      if (all.some(isVersion(version))) return;
      const { fullchainPem, keyPem, lineage, facts } = version;
      const replaces = all.find(isOf(lineage))?.id;
      certificates.forget();
      tried.add(facts.fingerprint);
      await esa.set({ name: nameFor(version), fullchainPem, keyPem, replaces }, signal);
    }

    return {
      type: 'alibaba-esa',
      scope: 'fleet',
      concurrent: true,
      keepsUntilExpiry: true,

      async check({ lineage }, signal) {
        const hasOne = await atEsa({ lineage }, signal, async () =>
          (await certificates.get(recentMs, signal)).some(isOf(lineage)),
        );
        if (hasOne) return `the site ${zone} has an older version, which is replaced`;
        const { used, allowed } = await atEsa({ lineage }, signal, () => esa.room(signal));
        const reason = `the site ${zone} uses ${used} of ${allowed} certificates of its plan`;
        const advice =
          'Remove one that is not needed in the ESA console, or put the names of several certificates into one.';
        if (used >= allowed) throw fail('balancer/no-room', { target, certificate: lineage, reason, advice });
        return reason;
      },

      rights: (signal) => esa.rights(signal),

      look: (version, signal) =>
        atEsa(version, signal, async (): Promise<Look> => {
          const all = await certificates.get(tried.has(version.facts.fingerprint) ? 0 : recentMs, signal);
          const found = all.find(isVersion(version));
          if (found) return { state: 'current', detail: `${found.id} (${found.name})` };
          return all.some(isOf(version.lineage))
            ? { state: 'stale', detail: `the site ${zone} has an older version` }
            : { state: 'absent', detail: `the site ${zone} does not have it` };
        }),

      // There is nothing between an upload and its use. `sweep --lost` knows the certificate by its name.
      stage: (version, _note, signal) => atEsa(version, signal, async () => ({ name: nameFor(version) })),

      activate: (version, _staged, _note, signal) =>
        atEsa(version, signal, async () => {
          try {
            await set(version, signal);
          } catch (error) {
            signal.throwIfAborted();
            const mayBeThere =
              isFailure(error, 'balancer/unreachable', 'balancer/failed') || isRefusal(error, 'Certificate.Duplicated');
            if (!mayBeThere) throw error;
            if (!(await certificates.get(0, signal)).some(isVersion(version))) throw error;
          }
        }),

      async keeps(lineage, signal) {
        const own = (await certificates.get(0, signal)).filter(isOf(lineage));
        return own.map(
          ({ id }) =>
            `the certificate ${id} of the site ${zone} in ESA. Remove it in the console once nothing needs it.`,
        );
      },

      async owned(signal) {
        const all = await certificates.get(0, signal);
        return all
          .filter((one) => markIn(one.name))
          .map(({ id, name: own }) => ({ kind: 'certificate', id, name: own }));
      },

      async removeOwned({ id, name: mark }, signal) {
        // The site may still serve it. Once it has expired, clients no longer accept it.
        const expires = markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY;
        if (expires >= clock.now().getTime()) return;
        if ((await certificates.get(0, signal)).some((one) => one.id === id)) await esa.remove(id, signal);
      },
    };
  },
});

/** Tells the certificates of one owner apart. Versions of a lineage have the same. */
const idOf = (lineage: string): string => createHash('sha256').update(lineage).digest('hex').slice(0, 12);
/** How old the list may be that several deliveries share. */
const recentMs = 10_000;
