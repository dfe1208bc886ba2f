import { leftTexts } from '../clients/cdn/delivery.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising, balancerError } from '../clients/http/balancer-errors.ts';
import { tencentInstance, tencentKeySource } from '../clients/tencent/credentials.ts';
import { sslRights, uploadTries } from '../clients/tencent/rights.ts';
import { connectSsl, type SslCertificate, uploadIn } from '../clients/tencent/ssl.ts';
import { connectHosts, type SslHost } from '../clients/tencent/ssl-hosts.ts';
import { createRollouts, type Rollout } from '../clients/tencent/ssl-rollouts.ts';
import { createSslUploads } from '../clients/tencent/ssl-uploads.ts';
import { createRecent } from '../core/async/recent.ts';
import { type LackingPlace, placesText, stateOfPlaces } from '../core/lineage/places.ts';
import { coversName } from '../core/names/covers-name.ts';
import { defineDeployer, exceptOfCovered, originEndpoint, tencentKeys, typedDomain, z } from '../define.ts';
import type { Deployer, Look, VersionBundle } from '../ports/deployer.ts';

const domain = () =>
  typedDomain().regex(/^(\*\.)?([a-z0-9_-]+\.)+(?!\d+$)[a-z0-9_-]+$/, {
    error: 'expected a domain, like www.example.com or *.example.com',
  });

export default defineDeployer({
  id: 'tencent-ssl',
  title: 'Tencent Cloud CDN, EdgeOne, WAF, COS and live domains',
  names: ['腾讯云'],
  homepage: 'https://cloud.tencent.com/product/ssl',
  apiDocs: 'https://cloud.tencent.com/document/api/400/41659',
  since: '0.1.0',
  options: z
    .strictObject({
      product: z.enum(['cdn', 'teo', 'waf', 'cos', 'live']).meta({
        title: 'CDN (with ECDN), EdgeOne (teo), WAF, custom domains of COS buckets, or live streaming (CSS)',
      }),
      domains: z
        .union([z.literal('covered'), z.array(domain()).min(1)], {
          error: 'expected `covered`, or a list of domains like [www.example.com, "*.example.com"]',
        })
        .meta({
          title: 'The domains, or `covered`: all of the product that the certificate covers and that have HTTPS on',
          examples: ['covered', ['www.example.com', '*.example.com']],
        }),
      except: z
        .array(domain())
        .default([])
        .meta({ title: 'Domains that `covered` leaves alone', examples: [['old.example.com']] }),
      region: z
        .string()
        .regex(/^[a-z0-9-]+$/, { error: 'expected a region, like ap-guangzhou' })
        .default('ap-guangzhou')
        .meta({ title: 'Region of WAF; the other products need none' }),
      ...tencentKeys([]),
      endpoint: originEndpoint('Endpoint of SSL Certificate Service, if not that of the Chinese site'),
    })
    .refine(...exceptOfCovered),
  notes: `Uploads the certificate once to SSL Certificate Service, which then deploys it to all domains of the product in one
call. certfleet never switches HTTPS on: \`covered\` leaves a domain without HTTPS alone, and one that is listed is pending
until you switch it on in the console. No other setting of a domain changes. A domain that is added later gets the
certificate at the next \`certfleet renew\`, and one that refuses it is pending alone. The service runs one deployment of a
certificate at a time, so a second product waits for the first.

An old version is deleted only if SSL Certificate Service finds nothing that uses it. For that, grant the service role
\`SSL_QCSLinkedRoleInReplaceLoadCertificate\` once in the console; without it, old versions stay, and \`sweep\` says so. With
an account of the international Tencent Cloud, set \`endpoint: https://ssl.intl.tencentcloudapi.com\`. The CAM user or role
needs this policy, for other products with \`Teo\`, \`Waf\`, \`Cos\` or \`Live\` in place of \`Cdn\`:

\`\`\`json
{
  "version": "2.0",
  "statement": [
    {
      "effect": "allow",
      "action": [
        "ssl:UploadCertificate", "ssl:DescribeCertificates", "ssl:DescribeHostCdnInstanceList",
        "ssl:DeployCertificateInstance", "ssl:DescribeHostDeployRecord", "ssl:DescribeHostDeployRecordDetail",
        "ssl:DeleteCertificate", "ssl:DescribeDeleteCertificatesTaskResult"
      ],
      "resource": ["*"]
    }
  ]
}
\`\`\``,
  connect({ options, name, world, owner, holderOf }): Deployer {
    const target = targetName('tencent-ssl', name);
    const { product } = options;
    const { clock, random, log } = world;
    const site = options.endpoint ?? 'https://ssl.tencentcloudapi.com';
    const http = world.http();
    const credentials = tencentKeySource(options, { instance: tencentInstance({ http, name }), clock, name });
    const error = (trouble: Parameters<typeof balancerError>[1]) =>
      balancerError('SSL Certificate Service of Tencent Cloud', {
        ...trouble,
        advice: trouble.advice ?? `Check the options of ${target}.`,
      });
    const ssl = connectSsl({ http, clock, random, log, name, endpoint: site, credentials, error });
    const hosts = connectHosts(ssl.api, product, product === 'waf' ? options.region : undefined);
    const rollouts = createRollouts(hosts, clock);
    const known = createSslUploads(ssl, { owner, holderOf, clock });
    const atService = <T>(lineage: string, signal: AbortSignal, step: () => Promise<T>): Promise<T> =>
      onTarget(target, lineage, signal, () => advising(step));

    /** The owner's uploads. The deliveries of a pass share the list. */
    const recent = createRecent(clock, (signal) => ssl.marked(signal, owner));
    const uploads = (signal: AbortSignal) => recent.get(recentMs, signal);

    async function idOf(version: VersionBundle, signal: AbortSignal): Promise<string | undefined> {
      const isIts = ({ mark }: SslCertificate) => mark?.id === version.facts.fingerprint.slice(0, 12);
      return known.idOf(version) ?? (await uploads(signal)).find(isIts)?.id;
    }

    /** Returns the domains that are left to other certificates of this store, with these. */
    async function keepersIn(version: VersionBundle, { lacking }: Rollout, signal: AbortSignal) {
      const keepers = new Map<string, string>();
      const covers = version.facts.identifiers.map(({ value }) => value);
      const meant = holderOf ? lacking.filter(({ domain }) => coversName(covers, domain)) : [];
      const ids = meant.flatMap(({ certificate }) => certificate ?? []);
      const there = new Map((await known.certificates(ids, signal, 'once')).map((one) => [one.id, one]));
      for (const { domain, certificate = '' } of meant) {
        const has = there.get(certificate);
        const place = { domains: [domain], type: 'tencent-ssl', isListed: options.domains !== 'covered' };
        const keeper = has && (await known.keeperOf(has, version.lineage, place, signal));
        if (keeper !== undefined) keepers.set(domain, keeper);
      }
      return keepers;
    }

    /** Says which domains are to have the version and lack it. `ready` are those that can get it now. */
    async function plan(version: VersionBundle, now: Rollout, older: ReadonlySet<string>, signal: AbortSignal) {
      const { has, lacking, changing, refusals } = now;
      const keepers = await keepersIn(version, now, signal);
      const left = new Map<string, number>();
      const covers = version.facts.identifiers.map(({ value }) => value);
      const isMeant = (one: string) => coversName(covers, one) && !options.except.includes(one);
      const open = lacking.filter((one) => one.whyNot === undefined).map((one) => one.domain);
      const wanted = new Set(options.domains === 'covered' ? [...has, ...open].filter(isMeant) : options.domains);
      const places: LackingPlace[] = [];
      const ready: SslHost[] = [];
      for (const place of wanted) {
        if (has.has(place)) continue;
        const keeper = keepers.get(place);
        if (keeper !== undefined) {
          left.set(keeper, (left.get(keeper) ?? 0) + 1);
          continue;
        }
        const host = lacking.find((one) => one.domain === place);
        const isCovered = coversName(covers, place);
        const missing = isCovered ? 'the account has no such domain' : 'the certificate does not cover it';
        const whyNot = host && isCovered ? host.whyNot : missing;
        if (changing.has(place)) {
          places.push({ place, state: 'changing', reason: '' });
          continue;
        }
        if (host && whyNot === undefined) ready.push(host);
        const state = older.has(host?.certificate ?? '') ? 'stale' : 'absent';
        places.push({ place, state, reason: whyNot ?? refusals.get(place) ?? '' });
      }
      const total = [...left.values()].reduce((rest, count) => rest - count, wanted.size);
      return { places: { total, lacking: places }, ready, left };
    }

    /** Chooses the domains to deploy to. Fails if none can get the version. */
    const readyIn = (version: VersionBundle, signal: AbortSignal) => async (now: Rollout) => {
      const { places, ready, left } = await plan(version, now, none, signal);
      if (places.total === 0 && left.size > 0) return [];
      if (places.total === 0)
        throw new Error(
          `${product} has no domain with HTTPS that the certificate covers (and that is not in \`except\`)`,
        );
      const isStuck =
        places.lacking.length === places.total && places.lacking.every(({ state }) => state !== 'changing');
      if (isStuck && ready.length === 0) throw new Error(`no domain can get it: ${placesText(places)}`);
      return ready;
    };

    return {
      type: 'tencent-ssl',
      scope: 'fleet',
      concurrent: true,
      uploads: `tencent-ssl ${new URL(site).host}`,
      settleMs: 15 * 60_000,

      rights: (signal) => sslRights(ssl, [...uploadTries, ...hosts.tries], signal),

      look: (version, signal) =>
        atService(version.lineage, signal, async (): Promise<Look> => {
          const id = await idOf(version, signal);
          const older = async () =>
            (await uploads(signal)).filter((one) => one.lineage === version.lineage && one.id !== id);
          if (id === undefined) {
            for (const one of await older())
              if ((await hosts.find('having', one.id, signal)).length > 0)
                return { state: 'stale', detail: 'domains have an older version, and this one is not uploaded yet' };
            return { state: 'absent', detail: 'it is not uploaded yet' };
          }
          const now = await rollouts.look(id, signal);
          const first = await plan(version, now, none, signal);
          const isStuck = first.places.lacking.some(({ state }) => state !== 'changing');
          const ids = new Set(isStuck ? (await older()).map((one) => one.id) : []);
          const { places, left } = await plan(version, now, ids, signal);
          if (places.total === 0 && left.size === 0) return { state: 'absent', detail: 'no domain is covered', places };
          const state = stateOfPlaces(places);
          const detail = state === 'current' ? `${places.total} domains have it` : placesText(places);
          const texts = places.total === 0 ? leftTexts(left) : [detail, ...leftTexts(left)];
          return { state, detail: texts.join('; '), places };
        }),

      stage: (version, note, signal) =>
        atService(version.lineage, signal, async () => {
          recent.forget();
          const { id, certificate } = await known.upload(version, note, signal);
          if (certificate) rollouts.begin(id);
          return { certificate: id };
        }),

      activate: (version, staged, _note, signal) =>
        atService(version.lineage, signal, async () => {
          const id = uploadIn(staged);
          if (id === undefined) throw new Error('it was not uploaded');
          let ready: readonly SslHost[] = [];
          const { refusals } = await rollouts.deploy(
            id,
            async (now) => {
              ready = await readyIn(version, signal)(now);
              return ready;
            },
            signal,
          );
          const refused = ready.flatMap((one) => refusals.get(one.domain) ?? []);
          if (ready.length > 0 && refused.length === ready.length) throw new Error(refused[0]);
        }),

      retire: (old, receipt, signal) => atService(old.lineage, signal, () => known.retire(receipt, signal)),
      owned: known.owned,
      removeOwned: known.removeOwned,
    };
  },
});

const none: ReadonlySet<string> = new Set();
/** How old the list of uploads may be that several deliveries share. */
const recentMs = 10_000;
