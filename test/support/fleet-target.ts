import { fail } from '../../src/core/errors/errors.ts';
import { type LackingPlace, placesText, stateOfPlaces } from '../../src/core/lineage/places.ts';
import { nameWithMark } from '../../src/core/request-path/own-mark.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';

export const minuteMs = 60_000;

export interface FleetTargetOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly places?: readonly string[];
  /** How long a place rolls a version out. */
  readonly rollOutMs?: number;
  /** How long the deployer says that may take. */
  readonly settleMs?: number;
  readonly uploads?: string;
  readonly resource?: string;
  /** The share of changing calls whose answers are lost. */
  readonly loses?: () => boolean;
}

interface Place {
  /** The fingerprint of the version that clients get. */
  serves?: string | undefined;
  /** What it accepted, and when it serves that. */
  next?: { readonly fingerprint: string; readonly atMs: number } | undefined;
}

const owner = '0123456789ab';
const pageSize = 100;
/** How many uploads the account has room for. */
const mostUploads = 100;

/**
 * A CDN in memory, and its deployer: certificates are uploaded to the account's certificate service, by name, and each
 * domain gets one, at once or after minutes. It refuses to roll out a version that a domain already has or is getting.
 */
export function createFleetTarget(options: FleetTargetOptions) {
  const { clock, rollOutMs = 7 * minuteMs, settleMs = 10 * minuteMs } = options;
  const places = new Map<string, Place>((options.places ?? ['www.example.com']).map((name) => [name, {}]));
  /** The fingerprint of each upload, by its name. */
  const uploads = new Map<string, string>();
  const calls = { pages: 0, lists: 0, uploads: 0, refusedRepeats: 0, set: [] as string[] };
  /** Domains that refuse every certificate, and those that accept it and then drop it. */
  const faults = { refuses: new Map<string, string>(), drops: new Map<string, string>(), room: mostUploads };
  const dropped = new Map<string, string>();
  let isLost = options.loses ?? (() => false);
  const hooks = { during: async (_call: 'look' | 'stage' | 'activate'): Promise<void> => {} };

  const lose = (call: string) => {
    if (isLost()) throw new Error(`the answer to ${call} was lost`);
  };
  /** Lets a place serve what it has rolled out by now. */
  function settle(name: string, place: Place): Place {
    const { next } = place;
    if (next && next.atMs <= clock.now().getTime()) {
      const reason = faults.drops.get(name);
      if (reason === undefined) place.serves = next.fingerprint;
      else dropped.set(name, reason);
      place.next = undefined;
    }
    return place;
  }

  // The service. A name exists once, as at Alibaba Cloud, so a repeated upload is refused.
  const api = {
    async page(from: number) {
      calls.pages += 1;
      const all = [...places].slice(from, from + pageSize);
      return { rows: all.map(([name, place]) => ({ name, ...settle(name, place) })), total: places.size };
    },
    async listUploads() {
      calls.lists += 1;
      return new Map(uploads);
    },
    async upload(name: string, fingerprint: string) {
      if (uploads.has(name)) throw new Error('NameRepeat');
      if (uploads.size >= faults.room) throw new Error('QuotaExceeded');
      uploads.set(name, fingerprint);
      calls.uploads += 1;
      lose('upload');
    },
    async set(name: string, fingerprint: string) {
      const place = places.get(name);
      if (!place) throw new Error('NotFound');
      settle(name, place);
      const refusal = faults.refuses.get(name);
      if (refusal !== undefined) throw new Error(refusal);
      if (place.next?.fingerprint === fingerprint || place.serves === fingerprint) {
        calls.refusedRepeats += 1;
        throw new Error('AlreadyDeployed');
      }
      if (place.next) throw new Error('DomainInService.Configuring');
      place.next = { fingerprint, atMs: clock.now().getTime() + rollOutMs };
      dropped.delete(name);
      calls.set.push(name);
      lose('set');
    },
  };

  const uploadName = ({ facts }: VersionBundle): string =>
    nameWithMark({ owner, expires: new Date(facts.notAfter), id: facts.fingerprint.slice(0, 12) });

  function connect(): Deployer {
    /** Why each place refused a version. */
    const refusals = new Map<string, string>();
    const readPlaces = async () => {
      const rows: ({ readonly name: string } & Place)[] = [];
      for (;;) {
        const page = await api.page(rows.length);
        rows.push(...page.rows);
        if (page.rows.length === 0 || rows.length >= page.total) return rows;
      }
    };
    const lackingOf = async ({ facts: { fingerprint } }: VersionBundle) => {
      const rows = await readPlaces();
      const lacking = rows.flatMap(({ name, serves, next }): readonly LackingPlace[] => {
        if (serves === fingerprint && !next) return [];
        // As at a real CDN, the list does not tell what is being rolled out.
        if (next) return [{ place: name, state: 'changing', reason: '' }];
        const reason = refusals.get(name) ?? dropped.get(name) ?? '';
        return [{ place: name, state: serves === undefined ? 'absent' : 'stale', reason }];
      });
      return { total: rows.length, lacking };
    };
    return {
      type: 'sim-fleet',
      scope: 'fleet',
      concurrent: true,
      settleMs,
      ...(options.uploads === undefined ? {} : { uploads: options.uploads }),
      ...(options.resource === undefined ? {} : { resource: options.resource }),
      async look(version, signal) {
        signal.throwIfAborted();
        await hooks.during('look');
        const found = await lackingOf(version);
        return { state: stateOfPlaces(found), detail: placesText(found), places: found };
      },
      async stage(version, note, signal) {
        signal.throwIfAborted();
        await hooks.during('stage');
        const name = uploadName(version);
        if (!(await api.listUploads()).has(name))
          await api.upload(name, version.facts.fingerprint).catch(async (error: unknown) => {
            // The answer may be lost although the upload is there.
            if ((await api.listUploads()).has(name)) return;
            throw fail('deploy/target-failed', {
              ...{ target: 'fleet', certificate: version.lineage },
              reason: (error as Error).message,
            });
          });
        await note({ name });
        return { name };
      },
      async activate(version, _staged, _note, signal) {
        signal.throwIfAborted();
        await hooks.during('activate');
        const toDo = (await lackingOf(version)).lacking.filter(({ state }) => state !== 'changing');
        const refused: string[] = [];
        for (const { place } of toDo)
          try {
            refusals.delete(place);
            await api.set(place, version.facts.fingerprint);
          } catch (error) {
            const reason = (error as Error).message;
            if (/lost/.test(reason)) continue; // the next look tells
            refusals.set(place, reason);
            refused.push(reason);
          }
        if (refused.length > 0 && refused.length === toDo.length) {
          const reason = refused[0] ?? '';
          const cause = new Error(reason);
          throw fail('deploy/target-failed', { target: 'fleet', certificate: version.lineage, reason }, { cause });
        }
      },
      async retire(_old, receipt) {
        const { name } = (receipt ?? {}) as { readonly name?: string };
        const fingerprint = name === undefined ? undefined : uploads.get(name);
        const isUsed = [...places.values()].some(
          ({ serves, next }) => serves === fingerprint || next?.fingerprint === fingerprint,
        );
        if (name === undefined || fingerprint === undefined) return;
        if (isUsed) throw new Error(`something still refers to ${name}`);
        uploads.delete(name);
      },
      owned: async () => [...uploads.keys()].map((name) => ({ kind: 'certificate', name, id: name })),
      removeOwned: async ({ id }) => void uploads.delete(id),
    };
  }

  return {
    deployer: connect(),
    connect,
    hooks,
    calls,
    faults,
    places,
    uploads,
    /** The changing calls so far. */
    changes: () => calls.uploads + calls.set.length,
    /** The fingerprint that clients of a place get. */
    served: (name: string) => {
      const place = places.get(name);
      return place && settle(name, place).serves;
    },
    /** Lets the owner of a place change another setting of it in the console. */
    configure(name: string, forMs: number) {
      const place = settle(name, places.get(name)!);
      place.next = { fingerprint: place.serves ?? '', atMs: clock.now().getTime() + forMs };
    },
    loseAnswers(next: () => boolean) {
      isLost = next;
    },
  };
}
