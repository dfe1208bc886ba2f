import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { readFields } from '../clients/http/json-api.ts';
import { connectElb, type Elb, isConflict, listenerIn } from '../clients/huawei/elb.ts';
import {
  type ElbCertificate,
  isOwn,
  isServed,
  plan,
  readCertificates,
  type Served,
  upload,
  uploadOf,
} from '../clients/huawei/elb-certificates.ts';
import { inPlace, type OnElb } from '../clients/huawei/elb-in-place.ts';
import { listenerTries, rightsOf } from '../clients/huawei/elb-rights.ts';
import { createRecent } from '../core/async/recent.ts';
import { fail } from '../core/errors/errors.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { defineDeployer, endpoint, huaweiKeys, portNumber, z } from '../define.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deployer, Look, VersionBundle } from '../ports/deployer.ts';

const id = (title: string) =>
  z
    .string()
    .regex(/^[\w-]+$/, { error: 'expected an id of letters, digits and hyphens' })
    .meta({ title });

export default defineDeployer({
  id: 'huawei-elb',
  title: 'Huawei Cloud ELB (Elastic Load Balance)',
  homepage: 'https://www.huaweicloud.com/product/elb.html',
  apiDocs: 'https://support.huaweicloud.com/api-elb/elb_zq_zs_0000.html',
  names: ['华为云', '弹性负载均衡'],
  since: '0.1.0',
  options: z.strictObject({
    region: z
      .string()
      .regex(/^[a-z]{2,3}(-[a-z]+)+-\d+$/, { error: 'expected a region code, like cn-north-4' })
      .meta({ title: 'Region of the load balancer', examples: ['cn-north-4'] }),
    target: z
      .union([
        z.strictObject({
          loadBalancer: id('Id of the load balancer'),
          listenerPort: portNumber().default(443).meta({ title: 'Port of the HTTPS listener' }),
        }),
        z.strictObject({ certificate: id('Id of the certificate at ELB') }),
      ])
      .meta({
        title: 'A listener, or a certificate that is replaced in place wherever it is used',
        examples: [
          { loadBalancer: '0f7e2a4c-1111-2222-3333-444455556666' },
          { certificate: '9a1b2c3d4e5f60718293a4b5c6d7e8f9' },
        ],
      }),
    ...huaweiKeys(),
    endpoint: endpoint('Endpoint of ELB, if not that of the region; it needs `projectId`'),
  }),
  notes: `With \`target: { loadBalancer: … }\`, certfleet uploads each version to ELB and puts it on the HTTPS, TLS or QUIC
listener. It becomes the default certificate if it covers every name of the one that is there; otherwise it is a
certificate for SNI. In one change it takes the place of older versions, and of certificates made by hand whose names it
covers all; those stay in the account. Other certificates of the listener stay. One that shares a name and has others is
refused, because the listener takes no name twice.

With \`target: { certificate: … }\`, it replaces that certificate in place, for **every** listener that uses it, and
uploads nothing. The new one must cover all names of the old one. Certificates from Cloud Certificate Manager (CCM)
cannot be replaced like this.

Superseded uploads are deleted, which ELB refuses while a listener uses them. No other setting changes, and HTTPS is never
switched on. An account has room for 120 certificates, and a full one is found before anything is ordered; with
\`elb:quotas:list\`, certfleet reads the account's own quota. ELB has no dry run, so \`certfleet doctor\` tries only the
rights to read. The IAM user needs

\`\`\`json
{
  "Version": "1.1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "elb:listeners:list", "elb:listeners:put", "elb:certificates:list", "elb:certificates:create",
        "elb:certificates:delete"
      ]
    }
  ]
}
\`\`\`

or, for one certificate, \`elb:certificates:get\` and \`elb:certificates:put\` alone; and \`iam:projects:listProjects\` if
\`projectId\` is not set. A user with rights in one enterprise project alone may not be able to list listeners.`,
  connect({ options, name, world, owner }): Deployer {
    const elb = connectElb({ options, title: `the deployer "${name}" (huawei-elb)`, name, world });
    const target = targetName('huawei-elb', name);
    const onElb: OnElb = ({ lineage }, signal, step) =>
      onTarget(target, lineage, signal, () => advising(() => elb.untilKnown(step, signal)));
    const at = options.target;
    if ('certificate' in at) return inPlace(elb, at.certificate, onElb);
    return onListener(elb, { ...at, region: options.region, owner, clock: world.clock, target }, onElb);
  },
});

interface Place {
  readonly loadBalancer: string;
  readonly listenerPort: number;
  readonly region: string;
  readonly owner: string;
  readonly clock: Clock;
  /** In messages. */
  readonly target: string;
}

function onListener(elb: Elb, at: Place, onElb: OnElb): Deployer {
  const { loadBalancer, listenerPort, region, owner, clock, target } = at;
  const place = `${loadBalancer}:${listenerPort}`;
  const listener = (signal: AbortSignal) => elb.listener(loadBalancer, listenerPort, protocols, signal);
  /** The orders of a pass share it. */
  const recent = createRecent(clock, listener);
  const planFor = ({ lineage }: VersionBundle, now: Served, all: readonly ElbCertificate[], own: ElbCertificate) =>
    plan(now, all, { upload: own, lineage, owner });

  return {
    type: 'huawei-elb',
    scope: 'fleet',
    resource: `huawei-elb ${loadBalancer}`,
    uploads: `huawei-elb certificates ${region}`,

    async check({ lineage }, signal) {
      await recent.get(recentMs, signal);
      const [all, quota] = [await readCertificates(elb, signal), await elb.quota('certificate', usualQuota, signal)];
      const reason = `the account holds ${all.length} of ${quota} certificates in ${region}, and needs 1 more`;
      const advice =
        'Put several names into one certificate, delete certificates that no listener uses, or have the quota raised. `certfleet sweep --lost` lists what was lost there.';
      if (all.length >= quota) throw fail('balancer/no-room', { target, certificate: lineage, reason, advice });
      return reason;
    },

    rights: (signal) => rightsOf(listenerTries(elb, loadBalancer), signal),

    look: (version, signal) =>
      onElb(version, signal, async (): Promise<Look> => {
        const now = await listener(signal);
        const all = await readCertificates(elb, signal);
        const own = uploadOf(all, version, owner);
        const planned = own && planFor(version, now, all, own);
        if (planned && !('refused' in planned) && isServed(now, planned))
          return { state: 'current', detail: `${place} serves it` };
        const served = all.filter(({ id }) => id === now.certificate || now.sni.includes(id));
        const isStale = served.some((one) => isOwn(one, { lineage: version.lineage, owner }));
        return {
          state: isStale ? 'stale' : 'absent',
          detail: `${place} serves ${isStale ? 'an older one' : 'others'}`,
        };
      }),

    stage: (version, note, signal) =>
      onElb(version, signal, async () => {
        const all = await readCertificates(elb, signal);
        const { id } = uploadOf(all, version, owner) ?? (await upload(elb, version, owner, signal));
        const receipt = { certificate: id };
        await note(receipt);
        return receipt;
      }),

    activate: (version, staged, _note, signal) =>
      onElb(version, signal, async () => {
        const id = uploadIn(staged);
        const now = await listener(signal);
        const all = await readCertificates(elb, signal);
        const own = all.find((one) => one.id === id);
        if (!own) throw new Error(`the uploaded certificate ${id} is not in ${region} (any more)`);
        const planned = planFor(version, now, all, own);
        if ('refused' in planned) throw new Error(planned.refused);
        if (isServed(now, planned)) return;
        const { certificate, sni } = planned;
        const isSame = isServed({ certificate, sni: now.sni }, planned);
        const changed = present({
          default_tls_container_ref: certificate === now.certificate ? undefined : certificate,
          sni_container_refs: isSame ? undefined : sni,
        });
        const body = { listener: changed };
        const answer = await elb.change({ method: 'PUT', path: `listeners/${now.id}`, body }, signal);
        const then = listenerIn(readFields(answer['listener'], 'listener'));
        // Listeners of other protocols ignore certificates for SNI without an error.
        if (!sni.every((one) => then.sni.includes(one)) || then.certificate !== certificate)
          throw new Error(`${place} did not take the certificate`);
      }),

    retire: (old, receipt, signal) => {
      const id = uploadIn(receipt);
      // A version without a receipt is the previous one, which the engine may go back to.
      if (id === undefined) return Promise.resolve();
      return onElb(old, signal, () => elb.remove(`certificates/${id}`, signal));
    },

    async keeps(lineage, signal) {
      const now = await listener(signal);
      const own = (await readCertificates(elb, signal)).filter((one) => isOwn(one, { lineage, owner }));
      const then = `\`certfleet sweep --lost --owner ${owner}\` deletes it.`;
      const used = `, which ${place} serves. Choose another one for the listener in the ELB console. Then`;
      const isUsed = ({ id }: ElbCertificate) => id === now.certificate || now.sni.includes(id);
      return own.map((one) => `the certificate ${one.id} in ${region}${isUsed(one) ? used : '.'} ${then}`);
    },

    async owned(signal) {
      const all = await readCertificates(elb, signal);
      return all
        .filter((one) => markIn(one.name) !== undefined)
        .map((one) => ({ kind: 'certificate', name: one.name, id: one.id }));
    },

    removeOwned: ({ id }, signal) =>
      elb.untilKnown(async () => {
        await elb.remove(`certificates/${id}`, signal).catch((error: unknown) => {
          // A listener uses it.
          if (!isConflict(error)) throw error;
        });
      }, signal),
  };
}

/** How old the listener may be that several orders share. */
const recentMs = 10_000;

/** Of certificates, in an account that may not read its own. */
const usualQuota = 120;

/** The listeners that have certificates. */
const protocols = ['HTTPS', 'TLS', 'QUIC', 'TERMINATED_HTTPS'] as const;

const uploadIn = (receipt: Json | undefined) =>
  (receipt as { readonly certificate?: string } | null | undefined)?.certificate;
