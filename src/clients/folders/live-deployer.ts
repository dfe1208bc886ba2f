import { reasonOf } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import { createLiveFolder, type LiveFolder, type LiveFolderOptions } from './live-folder.ts';
import { onTarget, targetName } from './target.ts';

/** How a program that reads a live folder loads a new version: through a hook, or through nginx's test and reload. */
export interface Reload {
  /** The detail that `look` returns while the files are in place but the program has not loaded them. */
  readonly missing: string;
  /** Resolves if the program would accept the new version. After a failure, the program has not seen the version. */
  check?(version: VersionBundle, signal: AbortSignal): Promise<void>;
  /** Makes the program read the files. After a failure, the program may or may not have read them. */
  run(version: VersionBundle, signal: AbortSignal): Promise<void>;
  /** Makes the program read the previous files again after `run` has failed. Omitted if that is not needed. */
  back?(version: VersionBundle): Promise<void>;
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
  return {
    type,
    scope: 'node',
    ...present({ concurrent: reload ? undefined : true, runsAfter }),
    look: (version, signal) =>
      onTarget(target, version.lineage, signal, async () => {
        const look = await folder.look(version);
        if (!reload || look.state !== 'current') return look;
        const { done, trying } = await folder.mark(version.lineage);
        if (done === version.id && trying === undefined) return look;
        return { state: 'stale', detail: reload.missing };
      }),
    stage: (version, _note, signal) =>
      onTarget(target, version.lineage, signal, async () => {
        await folder.stage(version);
        return null;
      }),
    activate: (version, _staged, _note, signal) =>
      onTarget(target, version.lineage, signal, () =>
        reload ? activate(folder, reload, version, signal) : folder.use(version.lineage, version.id),
      ),
    retire: (old, _receipt, signal) => onTarget(target, old.lineage, signal, () => folder.retire(old)),
  };
}

/**
 * Marks `trying`, swaps the link, checks, reloads, and marks `done`. A kill anywhere in between leaves `live/` whole,
 * and the mark makes the next attempt reload again. The mark also records what to go back to, which the link no longer
 * shows.
 */
async function activate(
  folder: LiveFolder,
  reload: Reload,
  version: VersionBundle,
  signal: AbortSignal,
): Promise<void> {
  const { lineage, id } = version;
  const mark = await folder.mark(lineage);
  const before = mark.trying === undefined ? await folder.inUse(lineage) : mark.before;
  const goBack = () => folder.use(lineage, before);
  const done = mark.done === undefined ? {} : { done: mark.done };
  await folder.setMark(lineage, { ...done, trying: id, ...present({ before }) });
  await folder.use(lineage, id);
  try {
    await reload.check?.(version, signal);
  } catch (error) {
    await goBack();
    // Restore the mark, too: it records whether the reload of the earlier version failed.
    await folder.setMark(lineage, mark);
    throw error;
  }
  try {
    await reload.run(version, signal);
  } catch (error) {
    if (before === undefined && reload.keepFirst) await folder.setMark(lineage, { trying: id, before: id });
    else await goBack();
    if (before === undefined || !reload.back) throw error;
    await reload.back(version).catch((second: unknown) => {
      throw new Error(`${reasonOf(error)}; and with the previous version again: ${reasonOf(second)}`, { cause: error });
    });
    await folder.setMark(lineage, { done: before });
    throw error;
  }
  await folder.setMark(lineage, { done: id });
}
