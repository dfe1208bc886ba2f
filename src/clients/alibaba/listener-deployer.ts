import { createPrivateKey } from 'node:crypto';
import { createRecent } from '../../core/async/recent.ts';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { HolderOf } from '../../core/lineage/holder.ts';
import { coversName } from '../../core/names/covers-name.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { usualKeyType } from '../../core/spec/key-type.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Deployer, Look, VersionBundle, WantedRoom } from '../../ports/deployer.ts';
import { advising, withAdvice } from '../http/balancer-errors.ts';
import type { Alb } from './alb.ts';
import {
  type BoundCertificate,
  type CertificateChange,
  type CertificateListener,
  isOnItsWay,
} from './alb-certificates.ts';
import type { Cas, CasCertificate, CasUpload } from './cas.ts';

/** A listener of ALB or NLB as a target. */
export interface ListenerTarget {
  readonly type: 'alibaba-alb' | 'alibaba-nlb';
  /** In messages. */
  readonly target: string;
  readonly loadBalancer: string;
  readonly listenerPort: number;
  readonly attach: 'additional' | 'default';
  /** Whether a certificate may be the default one and an additional one at once. */
  readonly mayBeBoth: boolean;
  readonly owner: string;
  readonly clock: Clock;
  readonly alb: Alb;
  readonly cas: Cas;
  readonly listener: CertificateListener;
  /** How many additional certificates there are and may be, and where: `alb-1:443`. */
  room(signal: AbortSignal): Promise<{ readonly where: string; readonly used: number; readonly quota: number }>;
  rights(signal: AbortSignal): Promise<readonly Right[]>;
  /** Makes the errors of a step errors of the target. */
  onTarget<T>(target: string, lineage: string, signal: AbortSignal, step: () => Promise<T>): Promise<T>;
  readonly holderOf?: HolderOf | undefined;
}

/** The certificates of a listener, and how they relate to a version. */
interface Survey {
  readonly bound: readonly BoundCertificate[];
  readonly uploads: readonly CasCertificate[];
  /** The version in CAS. */
  readonly upload: CasUpload | undefined;
  /** Bound certificates of other versions of the lineage. */
  readonly older: readonly BoundCertificate[];
  /** Another lineage of this store whose certificate is bound, and takes the same requests. */
  readonly rival: string | undefined;
}

/** Delivers to a listener that takes its certificates from CAS: the default one, and additional ones by their names. */
export function listenerDeployer(at: ListenerTarget): Deployer {
  const { alb, cas, clock, listener, owner, listenerPort, target } = at;
  const place = `${at.loadBalancer}:${listenerPort}`;
  const idOf = ({ id, region }: CasUpload): string => `${id}-${region}`;
  /** The deliveries of a pass share what was listed a few seconds ago. */
  const inCas = {
    valid: createRecent(clock, (signal) => cas.all('valid', signal)),
    expired: createRecent(clock, (signal) => cas.all('expired', signal)),
  };
  const lineages = new Map<string, string | undefined>();

  /** Returns the certificates in CAS; those that have expired only if the listener may have one of them. */
  async function uploadsFor(bound: readonly BoundCertificate[], signal: AbortSignal) {
    const valid = await inCas.valid.get(recentMs, signal);
    const ids = new Set(valid.map(idOf));
    const isKnown = ({ id }: BoundCertificate) => ids.has(id) || !id.endsWith(`-${cas.region}`);
    return bound.every(isKnown) ? valid : [...valid, ...(await inCas.expired.get(recentMs, signal))];
  }

  async function lineageOf(id: string, signal: AbortSignal): Promise<string | undefined> {
    if (!lineages.has(id)) lineages.set(id, (await at.holderOf?.(id, signal))?.lineage);
    return lineages.get(id);
  }

  const onListener = <T>({ lineage }: VersionBundle, signal: AbortSignal, step: () => Promise<T>): Promise<T> =>
    at.onTarget(target, lineage, signal, () => advising(() => alb.untilKnown(step, signal)));

  /** Returns a function that says how an upload relates to a version: an older one of its lineage, or a rival’s. */
  function relationTo(version: VersionBundle) {
    const stored = new Set((version.stored ?? []).map((fingerprint) => fingerprint.slice(0, 12)));
    const [algorithm, names] = [algorithmOf(version), namesOf(version)];
    return async (
      one: CasCertificate,
      signal: AbortSignal,
    ): Promise<'older' | { readonly rival: string } | undefined> => {
      const mark = cas.markIn(one);
      if (mark?.owner !== owner || one.name === cas.nameOf(version)) return undefined;
      if (stored.has(mark.id)) return 'older';
      if (!isAlike(one, algorithm, names)) return undefined;
      const whose = await lineageOf(mark.id, signal);
      if (whose !== undefined && whose !== version.lineage) return { rival: whose };
      // The store has dropped it while the listener could not be reached.
      return mark.expires.getTime() < Date.parse(version.facts.notAfter) ? 'older' : undefined;
    };
  }

  async function survey(version: VersionBundle, isRecent: boolean, signal: AbortSignal): Promise<Survey> {
    const bound = await listener.certificates(isRecent, signal);
    const uploads = await uploadsFor(bound, signal);
    const upload = uploads.find((one) => one.name === cas.nameOf(version));
    const relationOf = relationTo(version);
    const older: BoundCertificate[] = [];
    let rival: string | undefined;
    for (const one of bound) {
      const found = uploads.find((other) => idOf(other) === one.id);
      const relation = found && (await relationOf(found, signal));
      if (relation === 'older') older.push(one);
      else if (relation) rival = relation.rival;
    }
    return { bound, uploads, upload, older, rival };
  }

  /**
   * Reports whether the checks of the listener may refuse a version, as far as the uploads tell. Mostly they cannot: no
   * rival has an upload, and the version covers all older ones, one of which may be the default certificate.
   */
  async function mayRefuse(version: VersionBundle, uploads: readonly CasCertificate[], signal: AbortSignal) {
    if (at.attach === 'default') return true;
    const [covers, relationOf] = [namesOf(version), relationTo(version)];
    for (const one of uploads) {
      const relation = await relationOf(one, signal);
      if (relation === 'older' ? lostOf(one, covers).length > 0 : relation) return true;
    }
    return false;
  }

  const rivalry = (rival: string, names: readonly string[]) =>
    `${place} has the certificate ${rival} of this store, too, for the same names (${names.join(', ')}) and with the same kind of key, and which of the two it would serve is not known`;
  const isDefaultIn = ({ bound }: Survey, id: string | undefined) =>
    bound.some((one) => one.id === id && one.isDefault);
  /** The option says so, or an older version is the default one, which cannot be taken off. */
  const becomesDefault = ({ older }: Survey) => at.attach === 'default' || older.some(({ isDefault }) => isDefault);

  /** Checks that a new default certificate covers all names of the present one, which serves what no other does. */
  function checkDefault({ bound, uploads, upload }: Survey, version: VersionBundle): void {
    const present = bound.filter(({ isDefault }) => isDefault);
    const [current] = present;
    if (!current || (upload && current.id === idOf(upload))) return;
    const advice = 'Use `attach: additional`.';
    if (present.length > 1) throw new Error(`the listener has ${present.length} default certificates. ${advice}`);
    const found = uploads.find((one) => idOf(one) === current.id);
    const words = `the default certificate of the listener (${current.id})`;
    if (!found) throw new Error(`${words} is not in CAS, so its names are unknown. ${advice}`);
    const lost = lostOf(found, namesOf(version));
    if (lost.length > 0)
      throw new Error(`${words} also covers ${lost.join(', ')}. Add these names to the certificate. ${advice}`);
  }

  /** Refuses a first certificate beside one of another lineage. Those that are both there keep being renewed. */
  function checkRival({ rival, older, upload, bound }: Survey, version: VersionBundle): void {
    const isThere = older.length > 0 || bound.some(({ id }) => upload && id === idOf(upload));
    if (rival === undefined || isThere) return;
    throw new Error(rivalry(rival, namesOf(version)));
  }

  return {
    type: at.type,
    scope: 'fleet',
    keepsUntilExpiry: true,
    resource: `${at.type} ${at.loadBalancer}`,
    uploads: cas.lock,

    async check({ lineage, names, keyType = usualKeyType }: WantedRoom, signal) {
      const bound = await listener.certificates(true, signal);
      const uploads = (await uploadsFor(bound, signal)).filter((one) => bound.some(({ id }) => id === idOf(one)));
      const ours = uploads.filter((one) => cas.markIn(one)?.owner === owner);
      const alike = ours.filter((one) => isAlike(one, keyType.startsWith('rsa') ? 'RSA' : 'ECC', names));
      const whose = await Promise.all(alike.map((one) => lineageOf(cas.markIn(one)?.id ?? '', signal)));
      const rival = whose.includes(lineage) ? undefined : whose.find((one) => one !== undefined);
      if (rival !== undefined)
        throw fail('balancer/no-room', {
          ...{ target, certificate: lineage, reason: rivalry(rival, names) },
          advice: `Delete one of the two certificates, ${rival} and ${lineage}, or deliver them to different listeners.`,
        });
      if (at.attach === 'default') return `${place} needs no room for a default certificate`;
      const { where, used, quota } = await at.room(signal);
      const reason = `${where} uses ${used} of ${quota} additional certificates, and needs 1 more`;
      const advice =
        'Put several names into one certificate, take off unused certificates, or have the quota raised, and set `certificateQuota`.';
      // A new version of a default certificate takes its place.
      const isDefault = ours.some((one) => bound.some(({ id, isDefault }) => isDefault && id === idOf(one)));
      if (used >= quota && !isDefault) throw fail('balancer/no-room', { target, certificate: lineage, reason, advice });
      return reason;
    },

    rights: async (signal) => [...(await at.rights(signal)), ...(await cas.rights(signal))],

    look: (version, signal) =>
      onListener(version, signal, async (): Promise<Look> => {
        const found = await survey(version, true, signal);
        const { upload, older, bound } = found;
        const id = upload && idOf(upload);
        const where = `the listener on port ${listenerPort}`;
        const isBound = bound.some((one) => one.id === id && one.status === 'Associated');
        if (!isBound && older.length === 0) return { state: 'absent', detail: `${where} does not have it` };
        if (!isBound) return { state: 'stale', detail: `${where} has an older version: ${older[0]?.id}` };
        if (older.length > 0) return { state: 'stale', detail: `${where} also has an older version` };
        if (at.attach === 'default' && !isDefaultIn(found, id))
          return { state: 'stale', detail: `${id} is not the default certificate of ${where}` };
        return { state: 'current', detail: `${id}` };
      }),

    stage: (version, note, signal) =>
      onListener(version, signal, async () => {
        // `activate` checks the listener, too, but an upload that it refuses would stay in CAS.
        await listener.id(signal);
        const uploads = await inCas.valid.get(recentMs, signal);
        const there = uploads.find((one) => one.name === cas.nameOf(version));
        if (!there && (await mayRefuse(version, uploads, signal))) {
          const found = await survey(version, true, signal);
          checkRival(found, version);
          if (becomesDefault(found)) checkDefault(found, version);
        }
        const upload = there ?? (await cas.upload(version, signal));
        const [names, algorithm] = [namesOf(version), algorithmOf(version)];
        if (!there) inCas.valid.change((all) => [...all, { ...upload, names, algorithm }]);
        const receipt = { certificate: upload.id, name: upload.name.replaceAll('_', '-') };
        await note(receipt);
        return receipt;
      }),

    activate: (version, _staged, _note, signal) =>
      onListener(version, signal, async () => {
        let found = await survey(version, false, signal);
        if (!found.upload) throw new Error('its upload was removed from CAS');
        const id = idOf(found.upload);
        // A process that was killed may have begun the change, which may still be given up.
        if (isOnItsWay(found.bound, id)) {
          await listener.untilAtRest(id, signal);
          found = await survey(version, false, signal);
        }
        const { bound, older } = found;
        const change = (kind: CertificateChange, ids: readonly string[]) => listener.change(kind, ids, signal);
        const isAdditional = bound.some((one) => one.id === id && !one.isDefault);
        if (becomesDefault(found)) {
          checkDefault(found, version);
          // Taking it off first would leave its names with another certificate for a while.
          if (isAdditional && !at.mayBeBoth)
            throw new Error(
              `${id} is an additional certificate of the listener, and NLB takes none as both. The next version becomes the default one: \`certfleet renew ${version.lineage} --force\``,
            );
          if (!isDefaultIn(found, id)) await change('default', [id]);
        } else if (!isAdditional && !isDefaultIn(found, id)) {
          checkRival(found, version);
          await change('add', [id]);
        }
        // Taken off last, so that the listener always has one of them.
        const superseded = older.filter(({ isDefault }) => !isDefault).map((one) => one.id);
        if (superseded.length === 0) return;
        await change('remove', superseded).catch((error: unknown) => {
          if (signal.aborted || !isFailure(error, 'balancer/')) throw error;
          const words = { target, certificate: version.lineage, reason: reasonOf(withAdvice(error)) };
          throw fail('deploy/target-failed', words, { cause: error, hint: bothThere });
        });
      }),

    async owned(signal) {
      return (await cas.marked(signal)).map((one) => ({ kind: 'certificate', ...one }));
    },

    async removeOwned({ id, name: mark }, signal) {
      // Other services may use it, too, and no API shows that. Once it has expired, they cannot use it.
      const isExpired = (markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY) < clock.now().getTime();
      const bound = await listener.certificates(false, signal);
      if (isExpired && !bound.some((one) => one.id === `${id}-${cas.region}`)) await cas.remove(id, signal);
    },
  };
}

const bothThere =
  'The new certificate is on the listener, and the older one still beside it. `certfleet renew` takes the older one off.';

const algorithmOf = ({ keyPem }: VersionBundle): string =>
  createPrivateKey(keyPem.reveal()).asymmetricKeyType === 'rsa' ? 'RSA' : 'ECC';

const namesOf = ({ facts }: VersionBundle): readonly string[] => facts.identifiers.map(({ value }) => value);

/** Returns the names of a certificate that others do not cover. */
const lostOf = ({ names }: CasCertificate, covers: readonly string[]): readonly string[] =>
  names.filter((one) => !covers.includes(one) && !coversName(covers, one));

/** Reports whether a certificate takes the same requests: it has the same names and kind of key. */
const isAlike = (one: CasCertificate, algorithm: string, names: readonly string[]): boolean =>
  one.algorithm === algorithm && names.toSorted().join() === one.names.toSorted().join();

/** How old the lists of CAS may be. */
const recentMs = 10_000;
