import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising, withAdvice } from '../clients/http/balancer-errors.ts';
import { type ClbOptions, connectClb } from '../clients/tencent/clb.ts';
import { type Binding, bindSlot } from '../clients/tencent/clb-bind.ts';
import { hasCertificate, refusalOfSlot, type Slot, slotsFor } from '../clients/tencent/clb-binding.ts';
import { bindingTries, clbRights, sslRights, uploadTries } from '../clients/tencent/rights.ts';
import { connectSsl, type KeyKind, kindOf, type SslCertificate, sslSiteOf, uploadIn } from '../clients/tencent/ssl.ts';
import { createSslUploads } from '../clients/tencent/ssl-uploads.ts';
import { fail, reasonOf } from '../core/errors/errors.ts';
import { stateOfPlaces } from '../core/lineage/places.ts';
import { usualKeyType } from '../core/spec/key-type.ts';
import { defineDeployer, originEndpoint, portNumber, z } from '../define.ts';
import type { Deployer, Look, VersionBundle } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'tencent-clb',
  title: 'Tencent Cloud CLB (Cloud Load Balancer)',
  names: ['腾讯云'],
  homepage: 'https://cloud.tencent.com/product/clb',
  apiDocs: 'https://cloud.tencent.com/document/api/214/30667',
  since: '0.1.0',
  balancer: 'tencent-clb',
  options: z.strictObject({
    balancer: z
      .string()
      .min(1)
      .meta({ title: 'One of `balancers`, of type tencent-clb', examples: ['web'] }),
    listenerPort: portNumber().default(443).meta({ title: 'Port of the HTTPS or TLS listener' }),
    names: z
      .array(z.string().toLowerCase())
      .optional()
      .meta({
        title: 'The domains of the listener that get the certificate, if not all that it covers',
        examples: [['www.example.com']],
      }),
    // It gets the balancer’s keys.
    sslEndpoint: originEndpoint('Endpoint of SSL Certificate Service, if not that of the balancer’s site').meta({
      local: true,
    }),
  }),
  notes: `Uploads the certificate to SSL Certificate Service once, and binds it to the listener. On a listener with SNI, each
domain that the certificate covers gets it, as a place of its own; other domains keep theirs. On a listener without SNI, it
replaces the listener's certificate only if it covers every name of that one. The check of clients' certificates stays as it
is, and so does a second certificate with the other kind of key. certfleet never switches on SNI, and adds no domain.

An old version is deleted only if SSL Certificate Service finds nothing that uses it. For that, grant the service role
\`SSL_QCSLinkedRoleInReplaceLoadCertificate\` once in the console; without it, old versions stay, and \`sweep\` says so.
Besides what the [balancer](balancers.md#tencent-clb) needs, the CAM user or role needs

\`\`\`json
{
  "version": "2.0",
  "statement": [
    {
      "effect": "allow",
      "action": [
        "ssl:UploadCertificate", "ssl:DescribeCertificates", "ssl:DeleteCertificate",
        "ssl:DescribeDeleteCertificatesTaskResult"
      ],
      "resource": ["*"]
    },
    {
      "effect": "allow",
      "action": ["clb:ModifyListener", "clb:ModifyDomainAttributes"],
      "resource": ["qcs::clb:ap-guangzhou:uin/100000000001:clb/lb-1a2b3c4d"]
    }
  ]
}
\`\`\`

Of the balancer's actions, this deployer needs only \`clb:DescribeListeners\` and \`clb:DescribeTaskStatus\`.

A delivery after an order takes four calls and two for each place: the check before the order has read whose certificates
are there, which takes one call more in a process that ordered nothing. So does each look at a change that is not done
yet, with \`DescribeTaskStatus\`. The API has neither a change of several domains nor one that fails if the certificates
have changed meanwhile, so the listener is read once more under the lock, before the changes, and again after each wait
for another change.`,
  connect({ options, name, world, balancer, owner, holderOf }): Deployer {
    if (!balancer) throw fail('config/invalid', { file: name, problem: '`balancer` must name one of `balancers`' });
    const clbOptions = balancer.options as ClbOptions;
    const { loadBalancer } = clbOptions;
    const target = targetName('tencent-clb', name);
    const title = `the balancer "${options.balancer}" (tencent-clb)`;
    const clb = connectClb({ options: clbOptions, title, name, world });
    const site = options.sslEndpoint ?? sslSiteOf(clbOptions.endpoint);
    const ssl = connectSsl({ ...clb.shared, endpoint: site });
    const at = `${loadBalancer}:${options.listenerPort}`;
    const uploads = createSslUploads(ssl, { owner, holderOf, clock: world.clock });
    /** Why a place has not got its version, from the last try of this process. */
    const refusals = new Map<string, string>();

    const onClb = <T>(lineage: string, signal: AbortSignal, step: () => Promise<T>): Promise<T> =>
      onTarget(target, lineage, signal, () => advising(step));

    async function read(version: VersionBundle, signal: AbortSignal) {
      const listener = await clb.listener(options.listenerPort, protocols, signal);
      return { listener, slots: slotsFor(listener, namesOf(version), options.names) };
    }

    const certificatesOf = (slots: readonly Slot[], signal: AbortSignal) => uploads.certificates(idsOf(slots), signal);

    const isOurs = ({ mark, lineage }: SslCertificate, of: string): boolean => mark?.owner === owner && lineage === of;

    /** Returns the other certificate of this store, with the same kind of key, to which a slot is left. */
    async function keeperOf(
      { domains, certificate }: Slot,
      { lineage, kind, known }: Asking,
      signal: AbortSignal,
    ): Promise<string | undefined> {
      const isListed = options.names !== undefined;
      for (const one of known) {
        if (!certificate?.ids.includes(one.id) || (one.kind ?? kind) !== kind) continue;
        const place = { domains: domains ?? one.names, type: 'tencent-clb', isListed };
        const keeper = await uploads.keeperOf(one, lineage, place, signal);
        if (keeper !== undefined) return keeper;
      }
      return undefined;
    }

    /** Leaves out the slots that are left to other certificates, and returns the names of these. */
    async function withoutKept(slots: readonly Slot[], asking: Asking, signal: AbortSignal) {
      const keepers = await Promise.all(slots.map((slot) => keeperOf(slot, asking, signal)));
      const left = [...new Set(keepers.flatMap((keeper) => keeper ?? []))];
      const texts = left.length === 0 ? [] : [`others are left to the certificate ${left.join(', ')}`];
      return { own: slots.filter((_, at) => keepers[at] === undefined), texts };
    }

    /** Gives one slot the version, unless it must keep its certificate. */
    async function bind(slot: Slot, version: VersionBundle, to: Omit<Binding, 'slot' | 'read'>, signal: AbortSignal) {
      const isOlder = (one: SslCertificate) => isOurs(one, version.lineage);
      const refused = refusalOfSlot(slot, namesOf(version), { known: to.known, isOlder });
      if (refused !== undefined) throw new Error(`${slot.place} keeps its certificate: ${refused}`);
      const again = async () => (await read(version, signal)).slots.find(({ place }) => place === slot.place);
      await bindSlot(clb, { ...to, slot, read: again }, signal);
    }

    return {
      type: 'tencent-clb',
      scope: 'fleet',
      resource: `tencent-clb ${loadBalancer}`,
      uploads: `tencent-ssl ${new URL(site).host}`,
      settleMs: 60_000,

      async check({ lineage, names, keyType = usualKeyType }, signal) {
        const listener = await clb.listener(options.listenerPort, protocols, signal);
        const all = slotsFor(listener, names, options.names);
        const known = await certificatesOf(all, signal);
        const kind = keyType.startsWith('rsa') ? 'rsa' : 'ecc';
        const { own: slots, texts } = await withoutKept(all, { lineage, kind, known }, signal);
        const isOlder = (one: SslCertificate) => isOurs(one, lineage);
        const refused = slots.flatMap((slot) => refusalOfSlot(slot, names, { known, isOlder }) ?? []);
        if (slots.length > 0 && refused.length === slots.length)
          throw fail('balancer/no-room', {
            ...{ target, certificate: lineage, reason: `${at} keeps its certificate: ${refused[0]}` },
            advice: 'Or deliver it to another listener.',
          });
        const words = [`${slots.length - refused.length} of ${slots.length} places of ${at} can get it`, ...texts];
        return [...words, ...refused.slice(0, 1).map((reason) => `another one cannot: ${reason}`)].join('; ');
      },

      rights: async (signal) =>
        (
          await Promise.all([clbRights(clb, bindingTries(loadBalancer), signal), sslRights(ssl, uploadTries, signal)])
        ).flat(),

      look: (version, signal) =>
        onClb(version.lineage, signal, async (): Promise<Look> => {
          const { slots: all } = await read(version, signal);
          const id = uploads.idOf(version);
          const isOther = (slot: Slot) => id === undefined || !hasCertificate(slot, id);
          const known = await certificatesOf(all.filter(isOther), signal);
          const { own: slots, texts } = await withoutKept(all, askingOf(version, known), signal);
          const others = slots.filter(isOther);
          // Another process may have uploaded it. The mark shows which version a certificate is.
          const its = known.find(({ mark }) => mark?.id === version.facts.fingerprint.slice(0, 12));
          const lacking = others.filter((slot) => !its || !hasCertificate(slot, its.id));
          const places = {
            total: slots.length,
            lacking: lacking.map(({ place, certificate }) => {
              const own = known.some((one) => certificate?.ids.includes(one.id) && isOurs(one, version.lineage));
              const reason = refusals.get(place) ?? (certificate ? 'it has another certificate' : 'it has none');
              return { place, state: own ? ('stale' as const) : ('absent' as const), reason };
            }),
          };
          const detail =
            lacking.length === 0 ? `${at} serves it` : `${at} lacks it at ${lacking.length} of ${slots.length}`;
          return { state: stateOfPlaces(places), detail: [detail, ...texts].join('; '), places };
        }),

      stage: (version, note, signal) =>
        onClb(version.lineage, signal, async () => ({
          certificate: (await uploads.upload(version, note, signal)).id,
        })),

      activate: (version, staged, _note, signal) =>
        onClb(version.lineage, signal, async () => {
          const id = uploadIn(staged);
          if (id === undefined) throw new Error('it was not uploaded');
          const { listener, slots } = await read(version, signal);
          const others = slots.filter((slot) => !hasCertificate(slot, id));
          const known = await certificatesOf(others, signal);
          const { own: lacking } = await withoutKept(others, askingOf(version, known), signal);
          const errors: unknown[] = [];
          refusals.clear();
          // One after the other, because each change is a task of the whole load balancer.
          const to = { listener: listener.id, certificate: { id, kind: kindOf(version.keyPem) }, known };
          for (const slot of lacking)
            await bind(slot, version, to, signal).catch((error: unknown) => {
              signal.throwIfAborted();
              errors.push(error);
              refusals.set(slot.place, reasonOf(withAdvice(error)));
            });
          if (errors.length > 0 && errors.length === lacking.length) throw errors[0];
        }),

      retire: (old, receipt, signal) => onClb(old.lineage, signal, () => uploads.retire(receipt, signal)),
      owned: uploads.owned,
      removeOwned: uploads.removeOwned,
    };
  },
});

/** A certificate that asks for slots. */
interface Asking {
  readonly lineage: string;
  readonly kind: KeyKind;
  /** The certificates that the slots have. */
  readonly known: readonly SslCertificate[];
}

const askingOf = ({ lineage, keyPem }: VersionBundle, known: Asking['known']): Asking => ({
  lineage,
  kind: kindOf(keyPem),
  known,
});

/** The listeners that have certificates. */
const protocols = ['HTTPS', 'TCP_SSL', 'QUIC'] as const;

const idsOf = (slots: readonly Slot[]): readonly string[] => slots.flatMap(({ certificate }) => certificate?.ids ?? []);
const namesOf = ({ facts }: VersionBundle): readonly string[] => facts.identifiers.map(({ value }) => value);
