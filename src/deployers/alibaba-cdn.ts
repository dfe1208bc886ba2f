import { connectCas } from '../clients/alibaba/cas.ts';
import { type CdnDomain, connectCdn, resting, whyNot } from '../clients/alibaba/cdn.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { withAdvice } from '../clients/http/balancer-errors.ts';
import { createSingleFlight } from '../core/async/single-flight.ts';
import { createTurns } from '../core/async/turns.ts';
import { isFailure, reasonOf } from '../core/errors/errors.ts';
import { type LackingPlace, placesText, stateOfPlaces } from '../core/lineage/places.ts';
import { coversName } from '../core/names/covers-name.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import { alibabaKeys, defineDeployer, endpoint, z } from '../define.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

/** A domain as a certificate has it. The API writes a wildcard as `.example.com`. */
const domain = () =>
  z
    .string()
    .toLowerCase()
    .regex(/^(\*?\.)?([a-z0-9_-]+\.)+(?!\d+$)[a-z0-9_-]+$/, {
      error: 'expected a domain, like www.example.com or .example.com',
    })
    .transform((name) => name.replace(/^\./, '*.'));

export default defineDeployer({
  id: 'alibaba-cdn',
  title: 'Alibaba Cloud CDN and DCDN',
  homepage: 'https://www.alibabacloud.com/product/content-delivery-network',
  apiDocs: 'https://www.alibabacloud.com/help/en/cdn/developer-reference/api-cdn-2018-05-10-overview',
  names: ['阿里云 CDN', '阿里云全站加速'],
  since: '0.1.0',
  options: z
    .strictObject({
      product: z.enum(['cdn', 'dcdn']).default('cdn').meta({ title: 'CDN, or DCDN (dynamic content)' }),
      domains: z
        .union([z.literal('covered'), z.array(domain()).min(1)], {
          error: 'expected `covered`, or a list of domains like [www.example.com, .example.com]',
        })
        .meta({
          title: 'The accelerated domains, or `covered`: all that the certificate covers and that have HTTPS on',
          examples: ['covered', ['www.example.com', '.example.com']],
        }),
      except: z
        .array(domain())
        .default([])
        .meta({ title: 'Domains that `covered` leaves alone', examples: [['old.example.com']] }),
      site: z.enum(['china', 'international']).default('china').meta({
        title: 'The site where the account was opened, which decides where its certificates are kept',
      }),
      ...alibabaKeys([]),
      endpoint: endpoint('Endpoint of CDN or DCDN, if not the vendor’s'),
      casEndpoint: endpoint('Endpoint of the Certificate Management Service, if not the site’s'),
    })
    .refine(({ domains, except }) => domains === 'covered' || except.length === 0, {
      path: ['except'],
      error: 'it has a meaning only with `domains: covered`: leave these domains out of the list instead',
    }),
  notes: `Uploads the certificate once to the Certificate Management Service (CAS), and sets it at each domain. certfleet never
switches HTTPS on: \`covered\` leaves a domain without HTTPS alone, and one that is listed is pending until you switch it
on in the console. No other setting of a domain changes. A domain that is added later gets the certificate at the next
\`certfleet renew\`, and one that refuses it is pending alone. RSA and ECDSA keys are taken.

CAS cannot tell who uses a certificate, so superseded ones stay there. \`certfleet sweep --lost\` lists them, and removes
those that have expired and that no domain of this product uses. The RAM user or role needs, for DCDN with \`dcdn:\` and
\`Dcdn\` in place of \`cdn:\` and \`Cdn\` (and \`dcdn:DescribeDcdnUserDomains\`),

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["cdn:DescribeUserDomains", "cdn:DescribeCdnHttpsDomainList", "cdn:SetCdnDomainSSLCertificate"],
      "Resource": "acs:cdn:*:*:*"
    },
    {
      "Effect": "Allow",
      "Action": ["yundun-cert:UploadUserCertificate", "yundun-cert:ListUserCertificateOrder"],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`yundun-cert:DeleteUserCertificate\` for \`sweep --lost\`. The third action can be limited to some domains, with
\`acs:cdn:*:*:domain/www.example.com\`.`,
  connect({ options, name, world, owner }): Deployer {
    const target = targetName('alibaba-cdn', name);
    const { clock } = world;
    const { product, site } = options;
    const cdn = connectCdn({ product, endpoint: options.endpoint, options, name, world });
    const cas = connectCas({ site, endpoint: options.casEndpoint, owner, options, name, world });
    const atCdn = <T>({ lineage }: VersionBundle, signal: AbortSignal, step: () => Promise<T>): Promise<T> =>
      onTarget(target, lineage, signal, () =>
        step().catch((error: unknown) => {
          throw withAdvice(error);
        }),
      );
    /** What each domain has accepted or refused in this process: the lists may lag, and do not tell why. */
    const tried = new Map<string, { readonly name: string; readonly atMs: number; readonly refusal?: string }>();
    let known: { readonly atMs: number; readonly all: readonly CdnDomain[] } | undefined;
    const read = createSingleFlight<readonly CdnDomain[]>();

    /** Returns every domain, as it was at most `ageMs` ago: the deliveries of a pass share the lists. */
    async function domains(ageMs: number, signal: AbortSignal): Promise<readonly CdnDomain[]> {
      const atMs = clock.monotonicMs();
      if (known && atMs - known.atMs < ageMs) return known.all;
      const all = await read('domains', () => cdn.domains(signal), signal);
      known = { atMs, all };
      return all;
    }

    /** Looks at each domain that is to have the version. `ready` are those that can get it now. */
    async function survey(version: VersionBundle, ageMs: number, signal: AbortSignal) {
      const upload = cas.nameOf(version);
      const covers = version.facts.identifiers.map(({ value }) => value);
      const all = await domains(ageMs, signal);
      const listed = options.domains === 'covered' ? undefined : [...new Set(options.domains)];
      const isMeant = (one: CdnDomain) =>
        one.https && !resting.has(one.status) && coversName(covers, one.name) && !options.except.includes(one.name);
      const wanted = listed
        ? listed.map((place) => ({ place, found: all.find((one) => one.name === place) }))
        : all.filter(isMeant).map((found) => ({ place: found.name, found }));
      const lacking: LackingPlace[] = [];
      const ready: string[] = [];
      for (const { place, found } of wanted) {
        const stays = whyNot(place, found, covers);
        if (stays !== undefined || !found) {
          lacking.push({ place, state: 'absent', reason: stays ?? '' });
          continue;
        }
        const last = tried.get(place)?.name === upload ? tried.get(place) : undefined;
        const hasFailed = found.status === 'configure_failed';
        const isSet = found.certificate === upload && !hasFailed;
        if (isSet && found.status !== 'configuring') continue;
        const isFresh = last && last.refusal === undefined && clock.monotonicMs() - last.atMs < visibleWithinMs;
        // A domain that is being configured, by whomever, takes no other change.
        if (found.status === 'configuring' || (isFresh && !hasFailed)) {
          lacking.push({ place, state: 'changing', reason: '' });
          continue;
        }
        const isOurs = markIn((found.certificate ?? '').replaceAll('_', '-'))?.owner === owner;
        const reason = last?.refusal ?? (hasFailed ? 'its last configuration failed' : '');
        lacking.push({ place, state: isOurs ? 'stale' : 'absent', reason });
        ready.push(place);
      }
      return { upload, places: { total: wanted.length, lacking }, ready };
    }

    /** Fails if no domain can get the version, before anything is uploaded for nothing. */
    async function checkSome(version: VersionBundle, signal: AbortSignal) {
      const found = await survey(version, recentMs, signal);
      const { places, ready } = found;
      if (places.total === 0)
        throw new Error(
          `${cdn.title} has no domain with HTTPS that the certificate covers (and that is not in \`except\`)`,
        );
      const isStuck =
        places.lacking.length === places.total && places.lacking.every(({ state }) => state !== 'changing');
      if (isStuck && ready.length === 0) throw new Error(`no domain can get it: ${placesText(places)}`);
      return found;
    }

    /** Sets the certificate at each place, at most twenty a second. Returns the places whose answer was lost. */
    async function setAt(places: readonly string[], id: string, name: string, signal: AbortSignal) {
      const turns = createTurns(atOnce);
      const lost: string[] = [];
      const startMs = clock.monotonicMs();
      await Promise.all(
        places.map((place, index) =>
          turns.run(async () => {
            const earlyMs = startMs + index * everyMs - clock.monotonicMs();
            if (earlyMs > 0) await clock.sleep(earlyMs, signal);
            try {
              await cdn.set(place, { id, name, region: cas.region }, signal);
              tried.set(place, { name, atMs: clock.monotonicMs() });
            } catch (error) {
              signal.throwIfAborted();
              if (isFailure(error, 'balancer/unreachable', 'balancer/failed')) lost.push(place);
              tried.set(place, { name, atMs: clock.monotonicMs(), refusal: reasonOf(withAdvice(error)) });
            }
          }, signal),
        ),
      );
      known = undefined;
      return lost;
    }

    return {
      type: 'alibaba-cdn',
      scope: 'fleet',
      concurrent: true,
      uploads: cas.lock,
      settleMs: 15 * 60_000,

      look: (version, signal) =>
        atCdn(version, signal, async () => {
          const isRolling = [...tried.values()].some(({ name: of }) => of === cas.nameOf(version));
          const { places } = await survey(version, isRolling ? 0 : recentMs, signal);
          if (places.total === 0) return { state: 'absent', detail: 'no domain is covered', places };
          const state = stateOfPlaces(places);
          const detail = state === 'current' ? `${places.total} domains have it` : placesText(places);
          return { state, detail, places };
        }),

      stage: (version, note, signal) =>
        atCdn(version, signal, async () => {
          await checkSome(version, signal);
          const isSet = (await domains(recentMs, signal)).some((one) => one.certificate === cas.nameOf(version));
          const found = isSet || version.sent !== undefined ? await cas.find(version, signal) : undefined;
          const { id, name: uploaded } = found ?? (await cas.upload(version, signal));
          const receipt = { certificate: id, name: uploaded.replaceAll('_', '-') };
          await note(receipt);
          return receipt;
        }),

      activate: (version, staged, _note, signal) =>
        atCdn(version, signal, async () => {
          const { certificate } = staged as { readonly certificate: string };
          const { upload, ready } = await checkSome(version, signal);
          const lost = await setAt(ready, certificate, upload, signal);
          if (lost.length > 0) {
            const still = (await survey(version, 0, signal)).ready;
            for (const place of lost) if (!still.includes(place)) tried.delete(place);
            await setAt(
              lost.filter((place) => still.includes(place)),
              certificate,
              upload,
              signal,
            );
          }
          const refused = ready.flatMap((place) => tried.get(place)?.refusal ?? []);
          if (ready.length > 0 && refused.length === ready.length) throw new Error(refused[0]);
        }),

      async owned(signal) {
        return (await cas.marked(signal)).map((one) => ({ kind: 'certificate', ...one }));
      },

      async removeOwned({ id, name: mark }, signal) {
        // Other services may use it, too, which no API tells. Once it has expired, it is of no use to them.
        const isExpired = (markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY) < clock.now().getTime();
        const isSet = (await domains(0, signal)).some(({ certificate }) => certificate === mark.replaceAll('-', '_'));
        if (isExpired && !isSet) await cas.remove(id, signal);
      },
    };
  },
});

/** How old lists may be that several deliveries share. */
const recentMs = 10_000;
/** A domain that has accepted a certificate shows it within this time. */
const visibleWithinMs = 120_000;
/** The API allows 30 calls a second, and other programs may use it. */
const everyMs = 50;
const atOnce = 8;
