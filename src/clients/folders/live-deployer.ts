import { createHash } from 'node:crypto';
import { reasonOf } from '../../core/errors/errors.ts';
import { canonical } from '../../core/spec/same-spec.ts';
import type { Json } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Deployer, VersionBundle, VersionRef } from '../../ports/deployer.ts';
import { createLiveFolder, type LiveFolder, type LiveFolderOptions } from './live-folder.ts';
import { onTarget, targetName } from './target.ts';

/** Versions of different lineages that a program loads at once; usually one. */
export type Versions = readonly [VersionBundle, ...VersionBundle[]];

/** How a program that reads a live folder loads new versions: through a hook, or through nginx's test and reload. */
export interface Reload {
  /** The detail that `look` returns while the files are in place but the program has not loaded them. */
  readonly missing: string;
  /** Whether one run loads the versions of several lineages. */
  readonly forAll: boolean;
  /** What `run` and `check` run. If it changes, the version is loaded again. Omitted on other machines. */
  readonly settings?: Json;
  /** Resolves if the program would accept the new versions. After a failure, the program has not seen them. */
  check?(versions: Versions, signal: AbortSignal): Promise<void>;
  /** Makes the program read the files. After a failure, the program may or may not have read them. */
  run(versions: Versions, signal: AbortSignal): Promise<void>;
  /** Makes the program read the previous files again after `run` has failed. Omitted if that is not needed. */
  back?(versions: Versions): Promise<void>;
  /** Whether to keep a first version although `run` failed, because the program may need the files to start. */
  readonly keepFirst?: boolean;
}

interface LiveDeployerOptions extends Omit<LiveFolderOptions, 'target' | 'markName'> {
  readonly type: string;
  /** The deployer's name in the configuration. */
  readonly name: string;
  /** The name in messages, if this is one of several nodes of the deployer. */
  readonly target?: string;
  /** How to make the program read the files. Omitted if writing the files is enough. */
  readonly reload?: Reload;
  /** Set if the deployer uses the results of other targets; see the port. */
  readonly runsAfter?: true;
}

/** Turns a deployer's name into a part of a file name. */
export const safeName = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, '_');

/** Creates a deployer that writes certbot's folders, and reloads the program that reads them. */
export function createLiveDeployer({ type, name, reload, runsAfter, ...options }: LiveDeployerOptions): Deployer {
  const target = options.target ?? targetName(type, name);
  const folder = createLiveFolder({ ...options, target, markName: `${type}-${safeName(name)}` });
  const isThere = folder.has;
  const has =
    isThere &&
    ((version: VersionRef, signal: AbortSignal) =>
      onTarget(target, version.lineage, signal, async () => {
        if (!(await isThere(version))) return false;
        return !reload || isLoaded(await folder.mark(version.lineage), reload, version);
      }));
  return {
    type,
    scope: 'node',
    ...present({ concurrent: reload ? undefined : true, runsAfter, has }),
    look: (version, signal) =>
      onTarget(target, version.lineage, signal, async () => {
        const look = await folder.look(version);
        if (!reload || look.state !== 'current') return look;
        if (isLoaded(await folder.mark(version.lineage), reload, version)) return look;
        return { state: 'stale', detail: reload.missing };
      }),
    stage: (version, _note, signal) =>
      onTarget(target, version.lineage, signal, async () => {
        await folder.stage(version);
        return null;
      }),
    activate: (version, _staged, _note, signal) =>
      onTarget(target, version.lineage, signal, () =>
        reload ? activate(folder, reload, [version], signal) : folder.use(version.lineage, version.id),
      ),
    ...present({
      activateTogether: reload?.forAll
        ? async ([first, ...others]: readonly VersionBundle[], signal: AbortSignal) => {
            if (!first) return [];
            const all: Versions = [first, ...others];
            await onTarget(target, first.lineage, signal, () => activate(folder, reload, all, signal));
            return all;
          }
        : undefined,
    }),
    retire: (old, _receipt, signal) => onTarget(target, old.lineage, signal, () => folder.retire(old)),
  };
}

/** Reports whether the program has loaded the version, and with the current settings. */
const isLoaded = (
  { done, settings, trying }: Awaited<ReturnType<LiveFolder['mark']>>,
  reload: Reload,
  { id }: VersionRef,
): boolean => done === id && settings === digestOf(reload) && trying === undefined;

/** Returns a digest of what is run. It may contain secrets, so the mark that has it is closed to other users. */
const digestOf = ({ settings }: Reload): string | undefined =>
  settings === undefined ? undefined : createHash('sha256').update(canonical(settings)).digest('hex');

/**
 * Marks `trying`, swaps the links, checks, reloads, and marks `done`. A kill anywhere in between leaves each `live/`
 * whole, and the mark makes the next attempt reload again. The mark also records what to go back to, which the link no
 * longer shows.
 */
async function activate(folder: LiveFolder, reload: Reload, versions: Versions, signal: AbortSignal): Promise<void> {
  const all = await forEach(versions, async (version) => {
    const { lineage, id } = version;
    const mark = await folder.mark(lineage);
    const before = mark.trying === undefined ? await folder.inUse(lineage) : mark.before;
    return { version, lineage, id, mark, before };
  });
  const loaded = present({ settings: digestOf(reload) });
  await forEach(all, async ({ lineage, id, mark, before }) => {
    const { done, settings } = mark;
    await folder.setMark(lineage, present({ done, settings, trying: id, before }));
    await folder.use(lineage, id);
  });
  const goBack = () => forEach(all, ({ lineage, before }) => folder.use(lineage, before));
  try {
    await reload.check?.(versions, signal);
  } catch (error) {
    await goBack();
    // Restore the marks, too: they record whether the reload of the earlier versions failed.
    await forEach(all, ({ lineage, mark }) => folder.setMark(lineage, mark));
    throw error;
  }
  try {
    await reload.run(versions, signal);
  } catch (error) {
    const [{ lineage, id }] = all;
    const isFirst = all.length === 1 && all[0].before === undefined;
    if (isFirst && reload.keepFirst) await folder.setMark(lineage, { trying: id, before: id });
    else await goBack();
    const [first, ...others] = all.filter(({ before }) => before !== undefined);
    if (!first || !reload.back) throw error;
    await reload.back([first.version, ...others.map(({ version }) => version)]).catch((second: unknown) => {
      throw new Error(`${reasonOf(error)}; and with the previous version again: ${reasonOf(second)}`, { cause: error });
    });
    await forEach([first, ...others], ({ lineage, before }) =>
      folder.setMark(lineage, { ...present({ done: before }), ...loaded }),
    );
    throw error;
  }
  await forEach(all, ({ lineage, id }) => folder.setMark(lineage, { done: id, ...loaded }));
}

type ForEach<T, R> = { readonly [K in keyof T]: R };

/** Works on all at once, and throws the first failure after the last one has ended. */
async function forEach<T extends readonly unknown[], R>(
  all: T,
  work: (one: T[number]) => Promise<R>,
): Promise<ForEach<T, R>> {
  const settled = await Promise.allSettled(all.map(work));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<R>).value) as unknown as ForEach<T, R>;
}
