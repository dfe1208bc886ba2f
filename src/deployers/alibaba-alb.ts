import { createPrivateKey } from 'node:crypto';
import { type AlbOptions, connectAlb } from '../clients/alibaba/alb.ts';
import { changeCertificates, type Listened, readListener } from '../clients/alibaba/alb-certificates.ts';
import { type CasCertificate, type CasUpload, connectCas } from '../clients/alibaba/cas.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { withAdvice } from '../clients/http/balancer-errors.ts';
import { createSingleFlight } from '../core/async/single-flight.ts';
import { fail } from '../core/errors/errors.ts';
import { coversName } from '../core/names/covers-name.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import { defineDeployer, endpoint, z } from '../define.ts';
import type { Deployer, Look, VersionBundle } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'alibaba-alb',
  title: 'HTTPS listener of an Alibaba Cloud ALB (Application Load Balancer)',
  homepage: 'https://www.alibabacloud.com/product/server-load-balancer',
  apiDocs:
    'https://www.alibabacloud.com/help/en/slb/application-load-balancer/developer-reference/api-alb-2020-06-16-overview',
  since: '0.1.0',
  balancer: 'alibaba-alb',
  options: z.strictObject({
    balancer: z
      .string()
      .min(1)
      .meta({ title: 'The balancer, of the type alibaba-alb', examples: ['alb'] }),
    listenerPort: z.number().int().min(1).max(65_535).default(443).meta({ title: 'Port of its HTTPS listener' }),
    attach: z.enum(['additional', 'default']).default('additional').meta({
      title: 'As one of the listener’s additional certificates (SNI), or as its default certificate',
      description:
        'It becomes the default certificate only if it covers every name that the default certificate before it covers.',
    }),
    site: z.enum(['china', 'international']).optional().meta({
      title: 'The site whose certificates the listener takes; by default, as the region of the load balancer',
    }),
    certificateQuota: z.number().int().min(1).optional().meta({
      title: 'How many additional certificates the listener may have, if your account’s quota was raised',
    }),
    casEndpoint: endpoint('Endpoint of the Certificate Management Service, if not the site’s'),
  }),
  notes: `Uploads the certificate once to the Certificate Management Service (CAS), adds it to the HTTPS or QUIC listener, waits
until ALB has done so, and then takes the older version of the same certificate off the listener. Other certificates of
the listener stay. A renewal needs room for one more additional certificate: a listener has room for 25, or 10 in the
basic edition. A full listener is found before anything is ordered.

CAS cannot tell who uses a certificate, so superseded ones stay there. \`certfleet sweep --lost\` lists them, and removes
those that have expired and that this listener does not have. The keys are those of the balancer. The RAM user or role
needs, besides the balancer's policy,

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "alb:ListListeners", "alb:ListListenerCertificates", "alb:AssociateAdditionalCertificatesWithListener",
        "alb:DissociateAdditionalCertificatesFromListener"
      ],
      "Resource": "acs:alb:*:*:*"
    },
    {
      "Effect": "Allow",
      "Action": ["yundun-cert:UploadUserCertificate", "yundun-cert:ListUserCertificateOrder"],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`alb:UpdateListenerAttribute\` for the default certificate, and \`yundun-cert:DeleteUserCertificate\` for
\`sweep --lost\`.`,
  connect({ options, name, world, owner, balancer }): Deployer {
    const target = targetName('alibaba-alb', name);
    if (!balancer) throw new Error('the deployer alibaba-alb needs a balancer');
    const { clock } = world;
    const given = balancer.options as AlbOptions;
    const title = 'Alibaba Cloud ALB';
    const alb = connectAlb({ options: given, title, name, world });
    const site = options.site ?? (given.region.startsWith('cn-') ? 'china' : 'international');
    const cas = connectCas({ site, endpoint: options.casEndpoint, owner, options: given, name, world });
    const read = (signal: AbortSignal) => readListener(alb, { port: options.listenerPort, title }, signal);
    const flight = createSingleFlight<readonly CasCertificate[]>();
    let known: { readonly atMs: number; readonly all: readonly CasCertificate[] } | undefined;

    const onAlb = <T>({ lineage }: VersionBundle, signal: AbortSignal, step: () => Promise<T>): Promise<T> =>
      onTarget(target, lineage, signal, () =>
        alb.untilKnown(step, signal).catch((error: unknown) => {
          throw withAdvice(error);
        }),
      );

    /** Returns all certificates in CAS, as they were a few seconds ago: the deliveries of a pass share the lists. */
    async function inCas(signal: AbortSignal): Promise<readonly CasCertificate[]> {
      const atMs = clock.monotonicMs();
      if (known && atMs - known.atMs < recentMs) return known.all;
      const all = await flight('all', () => cas.all(signal), signal);
      known = { atMs, all };
      return all;
    }

    const idOf = ({ id, region }: CasUpload): string => `${id}-${region}`;

    /** The listener's certificates, and which of them are this version and older ones of the lineage. */
    interface Survey extends Listened {
      /** The version in CAS. */
      readonly upload: CasUpload | undefined;
      /** Bound certificates of other versions in the store. */
      readonly older: Listened['bound'];
      readonly uploads: readonly CasCertificate[];
    }

    async function survey(version: VersionBundle, signal: AbortSignal): Promise<Survey> {
      const [uploads, listened] = await Promise.all([inCas(signal), read(signal)]);
      const stored = new Set((version.stored ?? []).map((fingerprint) => fingerprint.slice(0, 12)));
      const upload = uploads.find((one) => one.name === cas.nameOf(version));
      const isOlder = (id: string): boolean => {
        const found = uploads.find((one) => idOf(one) === id);
        const mark = found && found !== upload ? markIn(found.name.replaceAll('_', '-')) : undefined;
        if (mark?.owner !== owner) return false;
        return stored.has(mark.id) || isEarlier(found!, mark.expires, version);
      };
      return { ...listened, upload, uploads, older: listened.bound.filter(({ id }) => isOlder(id)) };
    }

    const isDefaultIn = ({ bound }: Listened, id: string | undefined) =>
      bound.some((one) => one.id === id && one.isDefault);
    /** The option says so, or an older version is the default one, which cannot be taken off. */
    const becomesDefault = ({ older }: Survey) =>
      options.attach === 'default' || older.some(({ isDefault }) => isDefault);

    /** Checks that a new default certificate covers all names of the present one, which serves what no other does. */
    function checkDefault({ bound, uploads, upload }: Survey, { facts }: VersionBundle): void {
      const present = bound.filter(({ isDefault }) => isDefault);
      const [current] = present;
      if (!current || (upload && current.id === idOf(upload))) return;
      const advice = 'Use `attach: additional`.';
      if (present.length > 1) throw new Error(`the listener has ${present.length} default certificates. ${advice}`);
      const found = uploads.find((one) => idOf(one) === current.id);
      const place = `the default certificate of the listener (${current.id})`;
      if (!found) throw new Error(`${place} is not in CAS, so its names are unknown. ${advice}`);
      const covers = facts.identifiers.map(({ value }) => value);
      const lost = found.names.filter((one) => !covers.includes(one) && !coversName(covers, one));
      if (lost.length > 0)
        throw new Error(`${place} also covers ${lost.join(', ')}. Add these names to the certificate. ${advice}`);
    }

    return {
      type: 'alibaba-alb',
      scope: 'fleet',
      resource: `alibaba-alb ${given.loadBalancer}`,
      uploads: cas.lock,

      async check({ lineage }, signal) {
        const { bound } = await read(signal);
        const place = `${given.loadBalancer}:${options.listenerPort}`;
        if (options.attach === 'default') return `${place} needs no room for a default certificate`;
        const quota = options.certificateQuota ?? ((await alb.balancer(signal)).edition === 'Basic' ? 10 : 25);
        const used = bound.filter(({ isDefault }) => !isDefault).length;
        const reason = `${place} uses ${used} of ${quota} additional certificates, and needs 1 more`;
        const advice =
          'Put several names into one certificate, take off unused certificates, or have the quota raised, and set `certificateQuota`.';
        // A new version of a default certificate takes its place.
        const defaults = bound.filter(({ isDefault }) => isDefault).map(({ id }) => id);
        const uploads = used < quota ? [] : (await inCas(signal)).filter((one) => defaults.includes(idOf(one)));
        const isOurs = uploads.some((one) => markIn(one.name.replaceAll('_', '-'))?.owner === owner);
        if (used >= quota && !isOurs) throw fail('balancer/no-room', { target, certificate: lineage, reason, advice });
        return reason;
      },

      look: (version, signal) =>
        onAlb(version, signal, async (): Promise<Look> => {
          const found = await survey(version, signal);
          const { upload, older, bound } = found;
          const id = upload && idOf(upload);
          const where = `the listener on port ${options.listenerPort}`;
          const isBound = bound.some((one) => one.id === id && one.status === 'Associated');
          if (!isBound && older.length === 0) return { state: 'absent', detail: `${where} does not have it` };
          if (!isBound) return { state: 'stale', detail: `${where} has an older version: ${older[0]?.id}` };
          if (older.length > 0) return { state: 'stale', detail: `${where} also has an older version` };
          if (options.attach === 'default' && !isDefaultIn(found, id))
            return { state: 'stale', detail: `${id} is not the default certificate of ${where}` };
          return { state: 'current', detail: `${id}` };
        }),

      stage: (version, note, signal) =>
        onAlb(version, signal, async () => {
          const found = await survey(version, signal);
          // Checked before anything is uploaded.
          if (becomesDefault(found)) checkDefault(found, version);
          const upload = found.upload ?? (await cas.upload(version, signal));
          if (!found.upload) known = undefined;
          const receipt = { certificate: upload.id, name: upload.name.replaceAll('_', '-') };
          await note(receipt);
          return receipt;
        }),

      activate: (version, _staged, _note, signal) =>
        onAlb(version, signal, async () => {
          const found = await survey(version, signal);
          const { listener, upload, bound, older } = found;
          if (!upload) throw new Error('its upload was removed from CAS');
          const id = idOf(upload);
          const change = (kind: 'default' | 'add' | 'remove', ids: readonly string[]) => {
            const again = { read: () => read(signal), sleep: (ms: number) => clock.sleep(ms, signal), title };
            return changeCertificates(alb, listener.id, { kind, ids, ...again }, signal);
          };
          const isAdditional = bound.some((one) => one.id === id && !one.isDefault);
          if (becomesDefault(found)) {
            checkDefault(found, version);
            if (!isDefaultIn(found, id)) await change('default', [id]);
          } else if (!isAdditional && !isDefaultIn(found, id)) await change('add', [id]);
          // Taken off last, so that the listener always has one of them.
          const superseded = older.filter(({ isDefault }) => !isDefault).map((one) => one.id);
          if (superseded.length > 0) await change('remove', superseded);
        }),

      async owned(signal) {
        return (await cas.marked(signal)).map((one) => ({ kind: 'certificate', ...one }));
      },

      async removeOwned({ id, name: mark }, signal) {
        // Other services may use it, too, which no API tells. Once it has expired, it is of no use to them.
        const isExpired = (markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY) < clock.now().getTime();
        const isBound = (await read(signal)).bound.some((one) => one.id === `${id}-${cas.region}`);
        if (isExpired && !isBound) await cas.remove(id, signal);
      },
    };
  },
});

/**
 * Reports whether a certificate is one for the same names and kind of key that expires earlier: a version that the store
 * has dropped while the listener could not be reached.
 */
function isEarlier({ names, algorithm }: CasCertificate, expires: Date, { facts, keyPem }: VersionBundle): boolean {
  const kind = createPrivateKey(keyPem.reveal()).asymmetricKeyType === 'rsa' ? 'RSA' : 'ECC';
  const own = facts.identifiers.map(({ value }) => value);
  if (algorithm !== kind || own.toSorted().join() !== names.toSorted().join()) return false;
  return expires.getTime() < Date.parse(facts.notAfter);
}

/** How old the lists of CAS may be. */
const recentMs = 10_000;
