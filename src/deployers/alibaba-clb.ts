import { type ClbOptions, connectClb, listIn, textIn } from '../clients/alibaba/clb.ts';
import { type Binding, planBinding, type Step, servedFor } from '../clients/alibaba/clb-binding.ts';
import {
  deleteCertificate,
  isVersion,
  readCertificates,
  type ServerCertificate,
  superseded,
  upload,
  uploadOf,
} from '../clients/alibaba/clb-certificates.ts';
import { deployerTries } from '../clients/alibaba/clb-rights.ts';
import { type Promised, type Room, roomFor } from '../clients/alibaba/clb-room.ts';
import { rightsOf } from '../clients/alibaba/rights.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { isRefusal, readString, refusalOf } from '../clients/http/json-api.ts';
import { LookAgain } from '../clients/http/look-again.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { coversName } from '../core/names/covers-name.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Fields, Json } from '../core/text/json.ts';
import { defineDeployer, portNumber, z } from '../define.ts';
import type { Deployer, Look, VersionBundle, WantedRoom } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'alibaba-clb',
  title: 'Alibaba Cloud CLB (Classic Load Balancer, formerly SLB)',
  homepage: 'https://www.alibabacloud.com/product/server-load-balancer',
  apiDocs:
    'https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-overview',
  since: '0.1.0',
  balancer: 'alibaba-clb',
  options: z.strictObject({
    balancer: z
      .string()
      .min(1)
      .meta({ title: 'One of `balancers`, of type alibaba-clb', examples: ['slb'] }),
    listenerPort: portNumber().default(443).meta({ title: 'Port of the HTTPS listener' }),
    mode: z.enum(['auto', 'default', 'extensions']).default('auto').meta({
      title: 'Where to put the certificate',
      description:
        '`default`: the default certificate of the listener. `extensions`: a domain extension for each name. `auto`: the first if it loses no name, else the second. A name that has an extension always gets the certificate there.',
    }),
    names: z
      .array(z.string().toLowerCase())
      .optional()
      .meta({
        title: 'The names that this listener serves, if not all of the certificate',
        examples: [['www.example.com']],
      }),
    extensionQuota: z
      .number()
      .int()
      .min(0)
      .default(3)
      .meta({ title: 'How many domain extensions a listener may have: raise it together with the quota' }),
    certificateQuota: z
      .number()
      .int()
      .min(1)
      .default(100)
      .meta({ title: 'How many certificates the region may hold: raise it together with the quota' }),
  }),
  notes: `Uploads the certificate to the region of the load balancer, and puts it on the HTTPS listener. The default
certificate is replaced only if the new one covers every name that it covered; otherwise each name gets a domain
extension. A listener has room for 3 extensions (the quota can be raised), and only guaranteed-performance instances have
them. What does not fit is found before the order. Some documents say that an extension needs a forwarding rule for the same domain: if the old certificate is still
served, add one.

The load balancer takes RSA keys with 2048 or 4096 bits and ECDSA keys; certfleet converts them to the form that it
takes. A region holds 100 certificates: the previous version is kept until the next renewal, or until its place is
needed. Besides what the [balancer](balancers.md#alibaba-clb) needs, the RAM user or role needs

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "slb:DescribeLoadBalancerHTTPSListenerAttribute", "slb:DescribeDomainExtensions", "slb:DescribeServerCertificates",
        "slb:UploadServerCertificate", "slb:DeleteServerCertificate", "slb:SetLoadBalancerHTTPSListenerAttribute",
        "slb:CreateDomainExtension", "slb:SetDomainExtensionAttribute", "slb:DeleteDomainExtension", "slb:TagResources"
      ],
      "Resource": "acs:slb:*:*:*"
    }
  ]
}
\`\`\``,
  connect({ options, name, world, owner, balancer }): Deployer {
    if (!balancer) throw fail('config/invalid', { file: name, problem: '`balancer` must name one of `balancers`' });
    const clbOptions = balancer.options as ClbOptions;
    const { loadBalancer, region } = clbOptions;
    const target = targetName('alibaba-clb', name);
    const { clock } = world;
    const title = `the balancer "${options.balancer}" (alibaba-clb)`;
    const clb = connectClb({ options: clbOptions, title, name, world });
    const listener = { LoadBalancerId: loadBalancer, ListenerPort: options.listenerPort };
    const place = `${loadBalancer}:${options.listenerPort}`;

    const onClb = <T>(lineage: string, signal: AbortSignal, step: () => Promise<T>): Promise<T> =>
      onTarget(target, lineage, signal, () => advising(() => clb.untilKnown(step, signal)));

    async function readBinding(signal: AbortSignal): Promise<Binding> {
      try {
        const action = 'DescribeLoadBalancerHTTPSListenerAttribute';
        const parse = (answer: Fields) => textIn(answer, 'ServerCertificateId');
        return {
          default: await clb.read(action, listener, parse, signal),
          extensions: await clb.read('DescribeDomainExtensions', listener, extensionsIn, signal),
        };
      } catch (error) {
        // The API uses the same code for any other invalid parameter.
        if (!isFailure(error, 'balancer/refused', 'balancer/not-found') || isRefusal(error, 'Forbidden.RAM'))
          throw error;
        const all = await clb.listeners(signal);
        if (all.some(({ port, protocol }) => port === options.listenerPort && protocol === 'https')) throw error;
        const others = all.map(({ port, protocol }) => `${port} (${protocol})`).join(', ') || 'none';
        const { requestId } = refusalOf(error) ?? {};
        throw fail('balancer/not-found', {
          ...{
            balancer: title,
            what: `an HTTPS listener on port ${options.listenerPort} of ${loadBalancer} in ${region}`,
          },
          reason: `its listeners are ${others} (request ${requestId})`,
        });
      }
    }

    const namesOf = ({ facts }: VersionBundle): readonly string[] => facts.identifiers.map(({ value }) => value);

    function servedNames(version: VersionBundle): readonly string[] {
      const covers = namesOf(version);
      const strange = options.names?.find((one) => !coversName(covers, one));
      if (strange !== undefined) throw new Error(`the certificate does not cover ${strange}, which \`names\` lists`);
      return options.names ?? covers;
    }

    function plan(version: VersionBundle, binding: Binding, all: readonly ServerCertificate[], certificate: string) {
      const standard = all.find(({ id }) => id === binding.default);
      return planBinding(binding, {
        certificate,
        covers: namesOf(version),
        serves: servedNames(version),
        mode: options.mode,
        defaultCovers: binding.default === undefined ? [] : standard?.names,
        defaultIsOlder: standard?.lineage === version.lineage && markIn(standard.name)?.owner === owner,
      });
    }

    /** What the certificates that are being ordered will need, so that together they do not exceed a quota. */
    const promised = new Map<string, Promised & { readonly untilMs: number }>();

    async function roomOf({ lineage, names }: WantedRoom, signal: AbortSignal): Promise<Room> {
      const binding = await readBinding(signal);
      const all = await readCertificates(clb, signal);
      const standard = all.find(({ id }) => id === binding.default);
      const plan = planBinding(binding, {
        certificate: '',
        covers: names,
        serves: options.names ?? names,
        mode: options.mode,
        defaultCovers: binding.default === undefined ? [] : standard?.names,
        defaultIsOlder: standard?.lineage === lineage && markIn(standard.name)?.owner === owner,
      });
      const isOwn = (id: string) => all.some((one) => one.id === id && markIn(one.name)?.owner === owner);
      const ours = binding.extensions.filter(({ certificate }) => isOwn(certificate)).map(({ domain }) => domain);
      const nowMs = clock.monotonicMs();
      const others = [...promised].filter(([of, { untilMs }]) => of !== lineage && untilMs > nowMs);
      const coming = others.flatMap(([, { domains }]) => domains);
      const together = [...(standard?.names ?? []), ...ours, ...coming, ...names];
      const occupied = {
        binding,
        certificates: { held: all.length, superseded: superseded(all, { owner, now: clock.now() }).length },
        promised: others.map(([, needs]) => needs),
      };
      const quotas = { extensions: options.extensionQuota, certificates: options.certificateQuota };
      return roomFor(plan, occupied, { quotas, place, region, together: [...new Set(together)] });
    }

    const isOurs = ({ name, lineage }: ServerCertificate, of: string): boolean =>
      markIn(name)?.owner === owner && (lineage === undefined || lineage === of);

    const setDefault = (ServerCertificateId: string, signal: AbortSignal) => {
      const params = { ...listener, ServerCertificateId };
      return clb.change({ action: 'SetLoadBalancerHTTPSListenerAttribute', params }, signal);
    };
    const setExtension = (DomainExtensionId: string, ServerCertificateId: string, signal: AbortSignal) => {
      const params = { DomainExtensionId, ServerCertificateId };
      return clb.change({ action: 'SetDomainExtensionAttribute', params }, signal);
    };
    const createExtension = async (Domain: string, ServerCertificateId: string, signal: AbortSignal): Promise<void> => {
      const params = { ...listener, Domain, ServerCertificateId };
      try {
        await clb.change({ action: 'CreateDomainExtension', params }, signal);
      } catch (error) {
        // The extension may exist although the list did not show it, from a call whose response was lost, or from
        // someone else.
        if (!isFailure(error, 'balancer/refused')) throw error;
        const { extensions } = await readBinding(signal);
        throw extensions.some(({ domain }) => domain === Domain.toLowerCase())
          ? new LookAgain(error, `the extension of ${Domain}`)
          : error;
      }
    };
    const perform = (step: Step, certificate: string, signal: AbortSignal): Promise<void> => {
      if (step.kind === 'default') return setDefault(certificate, signal);
      if (step.kind === 'set') return setExtension(step.extension.id, certificate, signal);
      return createExtension(step.domain, certificate, signal);
    };

    /** Returns all certificates, once the upload is among them. */
    async function certificatesWith(id: string, signal: AbortSignal): Promise<readonly ServerCertificate[]> {
      for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
        const all = await readCertificates(clb, signal);
        if (all.some((one) => one.id === id)) return all;
        if (pauseMs > longestPauseMs) throw new Error(`the uploaded certificate ${id} is not in ${region} (any more)`);
        await clock.sleep(pauseMs, signal);
      }
    }

    /** Binds as planned, and waits until the API shows the result. */
    async function bind(
      version: VersionBundle,
      { binding, certificate, onChange }: Bind,
      signal: AbortSignal,
    ): Promise<void> {
      const all = await certificatesWith(certificate, signal);
      const planned = plan(version, binding, all, certificate);
      if ('refused' in planned) throw new Error(planned.refused);
      if (planned.steps.length === 0) return;
      onChange();
      for (const step of planned.steps) await perform(step, certificate, signal);
      const endMs = clock.monotonicMs() + visibleWithinMs;
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        const now = plan(version, await readBinding(signal), all, certificate);
        if (!('refused' in now) && now.steps.length === 0) return;
        if (clock.monotonicMs() + pauseMs > endMs)
          throw new Error(`${place} did not take the certificate within ${visibleWithinMs / 1000} s`);
        await clock.sleep(pauseMs, signal);
      }
    }

    /** Undoes what a delivery changed before it failed, so that all names are served as before. */
    async function restore(before: Binding, certificate: string): Promise<void> {
      const deadline = clock.deadline(restoreWithinMs);
      const { signal } = deadline;
      try {
        await clb.untilKnown(async () => {
          const now = await readBinding(signal);
          if (now.default === certificate && before.default !== undefined && before.default !== certificate)
            await setDefault(before.default, signal);
          for (const { id, certificate: there } of now.extensions.filter((one) => one.certificate === certificate)) {
            const old = before.extensions.find((one) => one.id === id);
            if (old && old.certificate !== there) await setExtension(id, old.certificate, signal);
            if (!old) await clb.change({ action: 'DeleteDomainExtension', params: { DomainExtensionId: id } }, signal);
          }
        }, signal);
      } finally {
        deadline.done();
      }
    }

    /** Uploads a version. Deletes old uploads if the region's quota is reached. */
    async function send(version: VersionBundle, all: readonly ServerCertificate[], signal: AbortSignal) {
      try {
        return await upload(clb, version, owner, signal);
      } catch (error) {
        if (!isFailure(error, 'balancer/quota')) throw error;
        let room = 0;
        for (const { id } of superseded(all, { owner, now: clock.now() })) {
          if (await deleteCertificate(clb, id, signal)) room += 1;
          if (room === roomToMake) break;
        }
        if (room === 0) throw error;
        return upload(clb, version, owner, signal);
      }
    }

    return {
      type: 'alibaba-clb',
      scope: 'fleet',
      resource: `alibaba-clb ${loadBalancer}`,

      async check(wanted, signal) {
        const { words, full, needs } = await clb.untilKnown(() => roomOf(wanted, signal), signal);
        const certificate = wanted.lineage;
        if (full) throw fail('balancer/no-room', { target, certificate, ...full });
        promised.set(certificate, { ...needs, untilMs: clock.monotonicMs() + promisedMs });
        return words;
      },

      rights: (signal) => rightsOf(clb, 'slb', deployerTries(loadBalancer, options.listenerPort), signal),

      look: (version, signal) =>
        onClb(version.lineage, signal, async (): Promise<Look> => {
          const binding = await readBinding(signal);
          const all = await readCertificates(clb, signal);
          const served = servedNames(version).map((name) => {
            const id = servedFor(binding, name);
            return { name, certificate: all.find((one) => one.id === id) };
          });
          const other = served.find(({ certificate }) => !certificate || !isVersion(certificate, version));
          if (!other) return { state: 'current', detail: `${place} serves it` };
          if (served.some(({ certificate }) => certificate && isOurs(certificate, version.lineage)))
            return { state: 'stale', detail: `${place} serves ${other.name} with another certificate` };
          return {
            state: 'absent',
            detail: `${place} serves ${other.name} with a certificate that is not certfleet’s`,
          };
        }),

      stage: (version, note, signal) =>
        onClb(version.lineage, signal, async () => {
          servedNames(version);
          const all = await readCertificates(clb, signal);
          const known = uploadOf(all, version, owner);
          const certificate = known?.id ?? (await send(version, all, signal));
          const receipt = { certificate };
          const needs = promised.get(version.lineage);
          if (needs) promised.set(version.lineage, { ...needs, uploads: 0 });
          await note(receipt);
          return receipt;
        }),

      activate: (version, staged, _note, signal) => {
        let before: Binding | undefined;
        let isChanged = false;
        const onChange = () => {
          isChanged = true;
        };
        return onTarget(target, version.lineage, signal, async () => {
          const certificate = uploadIn(staged);
          if (certificate === undefined) throw new Error('it was not uploaded');
          try {
            await onClb(version.lineage, signal, async () => {
              const binding = await readBinding(signal);
              before ??= binding;
              await bind(version, { binding, certificate, onChange }, signal);
            });
          } catch (error) {
            // After an abort, the next delivery finishes what this one began, and both certificates are valid.
            if (signal.aborted || !before || !isChanged) throw error;
            await restore(before, certificate).catch((cause: unknown) => {
              const reason = `${reasonOf(error)}; and what was changed could not be put back: ${reasonOf(cause)}`;
              throw fail('deploy/target-failed', { target, certificate: version.lineage, reason }, { cause });
            });
            throw error;
          } finally {
            promised.delete(version.lineage);
          }
        });
      },

      retire: (old, receipt, signal) => {
        const certificate = uploadIn(receipt);
        // A version without a receipt is the previous one, which the engine may go back to.
        if (certificate === undefined) return Promise.resolve();
        return onClb(old.lineage, signal, async () => {
          if (!(await deleteCertificate(clb, certificate, signal)))
            throw new Error(`something still refers to the certificate ${certificate} in ${region}`);
        });
      },

      async keeps(lineage, signal) {
        const binding = await readBinding(signal);
        const all = await readCertificates(clb, signal);
        const own = all.filter((one) => one.lineage === lineage && markIn(one.name)?.owner === owner);
        const then = `Then \`certfleet sweep --lost --owner ${owner}\` deletes the certificate.`;
        return own.map(({ id }) => {
          const used = binding.extensions.filter(({ certificate }) => certificate === id);
          const by = used.map(
            (one) =>
              `Delete the domain extension ${one.id} of ${one.domain} (\`aliyun slb DeleteDomainExtension --RegionId ${region} --DomainExtensionId ${one.id}\`).`,
          );
          const isDefault = binding.default === id;
          const what = `the certificate ${id} in ${region}`;
          if (by.length === 0 && !isDefault) return `${what}. \`certfleet sweep --lost --owner ${owner}\` deletes it.`;
          const first = isDefault ? [`Choose another default certificate for ${place} in the SLB console.`] : [];
          return [`${what}, which ${place} serves.`, ...first, ...by, then].join(' ');
        });
      },

      async owned(signal) {
        const all = await readCertificates(clb, signal);
        return all
          .filter((one) => markIn(one.name) !== undefined)
          .map((one) => ({ kind: 'certificate', name: one.name, id: one.id }));
      },

      async removeOwned({ id }, signal) {
        await clb.untilKnown(() => deleteCertificate(clb, id, signal), signal);
      },
    };
  },
});

interface Bind {
  readonly binding: Binding;
  readonly certificate: string;
  /** Called before the first change. */
  readonly onChange: () => void;
}

/** How long an order may take until its certificate is delivered. */
const promisedMs = 3_600_000;
const visibleWithinMs = 60_000;
const firstPauseMs = 1_000;
const longestPauseMs = 5_000;
const restoreWithinMs = 60_000;
/** How many superseded uploads to delete when the region's quota is reached. */
const roomToMake = 5;

const extensionsIn = (answer: Fields) =>
  listIn(answer, 'DomainExtensions', 'DomainExtension').map((fields) => ({
    id: readString(fields, 'DomainExtensionId'),
    domain: readString(fields, 'Domain').toLowerCase(),
    certificate: textIn(fields, 'ServerCertificateId') ?? '',
  }));

const uploadIn = (receipt: Json | undefined): string | undefined => {
  const id = (receipt as { readonly certificate?: unknown } | null | undefined)?.certificate;
  return typeof id === 'string' ? id : undefined;
};
