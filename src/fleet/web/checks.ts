import type { Composed, WrongFields } from '../../compose.ts';
import { createBucket } from '../../core/access/throttle.ts';
import { createBoundedMap } from '../../core/async/bounded-map.ts';
import { createBriefMemory } from '../../core/async/brief-memory.ts';
import { createTurns } from '../../core/async/turns.ts';
import { identifierKey } from '../../core/names/identifier.ts';
import type { Hop } from '../../core/request-path/hop.ts';
import type { CertificateSpec } from '../../core/spec/spec.ts';
import { withIdentifiers } from '../../core/spec/spec-parts.ts';
import { storedSpecOf } from '../../core/spec/stored-spec.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { type EngineProcess, inPass } from '../../engine/engine.ts';
import type { OrderOutlook } from '../../engine/ledger/outlook.ts';
import type { DrawnPath } from '../../engine/looks/doctor.ts';
import { lineageNamed } from '../../engine/run/stored-lineage.ts';
import type { CertificateRow, Rows } from '../../engine/steady/rows.ts';
import type { OpenFleet } from '../opened.ts';
import { type Asker, refuseRole } from './actions.ts';
import { tooLargeIn } from './declarations.ts';

/** What is known of one name before it is ordered. */
export interface NameCheck {
  readonly identifier: string;
  /** The worst of its hops; `unseen` if it was not looked at, because too much was lately. */
  readonly state: Hop['state'] | 'unseen';
  readonly challenge?: string;
  /** The solver's name in the configuration. */
  readonly solver?: string;
  /** The CAA records, then the path of the proof. */
  readonly hops: readonly Hop[];
  /** Other certificates that are valid for it, at most five. */
  readonly coveredBy: readonly Pick<CertificateRow, 'name' | 'state' | 'issuer' | 'notAfter'>[];
}

/** What is known of a certificate before it is declared. */
export interface DeclarationCheck {
  /** What is wrong with it, by the field; nothing was looked at for a name that is. */
  readonly wrong: WrongFields;
  readonly names: readonly NameCheck[];
  /** What the CA itself asks for. */
  readonly ca: readonly Hop[];
  /** Undefined if too little of the certificate is known. */
  readonly outlook?: OrderOutlook;
}

/** A certificate that someone thinks of declaring. */
export interface CheckRequest {
  /** Undefined if it has none yet. */
  readonly name: string | undefined;
  readonly certificate: Fields;
}

/** Looks at what an order of a certificate would meet, and orders nothing. */
export interface FleetChecks {
  /**
   * Asks only what the preflight of an order asks, so it serves those who may declare: at most 10 s, one name a second
   * after the first 40, and none twice in 10 s. Fails with `access/…`.
   */
  check(asker: Asker, request: CheckRequest, signal: AbortSignal): Promise<DeclarationCheck>;
}

const lookMs = 10_000;
/** Someone who mends a record wants to see it, and one who types the next name need not wait for the last. */
const rememberedMs = 10_000;
/** So many names at once, and one more after each time: enough for a person, and too few to search a network. */
const rate = { most: 40, eachMs: 1_000 };
const mostAtOnce = 4;
const unnamed = 'new';
const mostAskers = 1_000;

interface Checking {
  readonly engine: EngineProcess;
  readonly rows: Pick<Rows, 'covering'>;
  readonly open: () => Omit<OpenFleet, 'engine'>;
  readonly checkDeclarations: Composed['checkDeclarations'];
}

export function createChecks({ engine, rows, open, checkDeclarations }: Checking): FleetChecks {
  const { clock } = engine;
  const nowMs = () => clock.monotonicMs();
  const seen = createBriefMemory<DrawnPath>(nowMs, rememberedMs);
  const cas = createBriefMemory<readonly Hop[]>(nowMs, rememberedMs);
  const buckets = createBoundedMap<ReturnType<typeof createBucket>>(mostAskers);
  const turns = createTurns(mostAtOnce);

  /** Takes a token for each name of the one who asks. */
  function mayLook(who: string): boolean {
    const bucket = buckets.get(who) ?? createBucket(rate);
    buckets.set(who, bucket);
    return bucket.take(nowMs());
  }

  /** Returns the certificate with the names and settings that are right, and what is wrong with the others. */
  async function readable(
    name: string | undefined,
    certificate: Fields,
  ): Promise<{ readonly wrong: WrongFields; readonly spec?: CertificateSpec | undefined }> {
    const { settings } = open();
    const wrong: Record<string, string> = {};
    let entry = certificate;
    let as = name ?? unnamed;
    // What was wrong is left out; the rest may still be looked at.
    for (let tries = 0; tries < 2; tries++) {
      const others = { ...settings, certificates: settings.certificates.filter((one) => one.name !== as) };
      const found = await checkDeclarations(new Map([[as, entry]]), others, clock.now());
      const problems = found.refused.get(as);
      if (!problems) return { wrong, spec: found.certificates[0] };
      for (const [field, message] of Object.entries(problems)) wrong[field] ??= message;
      if ('name' in problems) as = unnamed;
      const bad = new Set(Object.keys(problems).flatMap((field) => /^identifiers\.(\d+)/.exec(field)?.[1] ?? []));
      const all = Array.isArray(entry['identifiers']) ? (entry['identifiers'] as readonly unknown[]) : [];
      // A list that is wrong as a whole has wildcards that the solver cannot prove, or else is too long.
      const isWrong = (one: unknown) => 'identifiers' in problems && String(one).startsWith('*.');
      const left = all.filter((one, at) => !bad.has(String(at)) && !isWrong(one));
      if (left.length === 0) break;
      const { deploy, ...rest } = entry;
      entry = { ...rest, identifiers: left, ...('deploy' in problems ? {} : present({ deploy })) };
    }
    return { wrong };
  }

  /** @param isNew whether there can be no certificate of that name yet */
  async function look(
    who: string,
    { spec, isNew }: { readonly spec: CertificateSpec; readonly isNew: boolean },
    signal: AbortSignal,
  ) {
    const fleet = open();
    const wanted = storedSpecOf(fleet.settings, spec);
    const keyOf = (identifier: string) => JSON.stringify([wanted.issuer, wanted.parts, wanted.profile, identifier]);
    const known = new Map<string, DrawnPath>();
    const fresh = new Set<string>();
    for (const { value } of wanted.identifiers) {
      const before = seen.get(keyOf(value));
      if (before) known.set(value, before);
      else if (mayLook(who)) fresh.add(value);
    }
    return turns.run(
      () =>
        inPass(engine, async (pass) => {
          const lineage = isNew ? undefined : await lineageNamed(pass, spec.name, signal);
          const stored = lineage instanceof Error ? undefined : lineage;
          const { outlookOf } = await import('../../engine/ledger/outlook.ts');
          const { lookAtProofs } = await import('../../engine/looks/proofs.ts');
          const part = withIdentifiers(wanted, ({ value }) => fresh.has(value));
          const [outlook, found] = await Promise.all([
            outlookOf(pass, wanted, stored, signal),
            fresh.size === 0 ? undefined : lookAtProofs(pass, part, lookMs, signal),
          ]);
          for (const path of found?.names ?? []) {
            known.set(path.identifier, path);
            seen.set(keyOf(path.identifier), path);
          }
          if (found) cas.set(keyOf(''), found.ca);
          return { known, outlook, ca: cas.get(keyOf('')) ?? [] };
        }),
      signal,
    );
  }

  return {
    async check({ who }, { name, certificate }, signal) {
      refuseRole(who, 'declare');
      const large = tooLargeIn(certificate);
      if (large) return { wrong: large, names: [], ca: [] };
      const { wrong, spec } = await readable(name, certificate);
      const typed = Array.isArray(certificate['identifiers']) ? certificate['identifiers'] : [];
      const names = spec
        ? spec.identifiers.map(identifierKey)
        : typed.flatMap((one: unknown) => (typeof one === 'string' ? [one.toLowerCase()] : []));
      const covering = rows.covering(names, name ?? '');
      const coveredBy = (one: string) =>
        (covering.get(one) ?? []).map(({ name: by, state, issuer, notAfter }) => ({
          ...{ name: by, state, issuer },
          ...present({ notAfter }),
        }));
      if (!spec) {
        const unseen = names.map((identifier) => ({
          ...{ identifier, state: 'unseen' as const, hops: [], coveredBy: coveredBy(identifier) },
        }));
        return { wrong, names: unseen, ca: [] };
      }
      const { known, outlook, ca } = await look(who.name, { spec, isNew: spec.name !== name }, signal);
      return {
        wrong,
        names: names.map((identifier): NameCheck => {
          const path = known.get(identifier);
          const common = { identifier, coveredBy: coveredBy(identifier) };
          if (!path) return { ...common, state: 'unseen', hops: [] };
          const { challenge, solver, hops } = path;
          return { ...common, challenge, solver, hops, state: worstOf(hops) };
        }),
        ca,
        outlook,
      };
    },
  };
}

const worstOf = (hops: readonly Hop[]): Hop['state'] =>
  (['broken', 'cannot-tell'] as const).find((state) => hops.some((hop) => hop.state === state)) ?? 'well';
