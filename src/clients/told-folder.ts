import type { VersionBundle } from '../ports/deployer.ts';
import type { LiveFolder } from './live-folder.ts';

/**
 * A live folder whose reader must be told about a new version (a hook, a reload), as two adapters need it.
 *
 * The order is: mark `trying`, swap the link, check, tell, mark `done`. Killed anywhere in between, `live/` is whole,
 * and the mark says to begin again; it also remembers what to go back to, which the link no longer does.
 */
export async function activateAndTell(
  folder: LiveFolder,
  version: VersionBundle,
  tell: {
    /** Whether the new version may be told about. Its failure means that the reader never heard of it. */
    check?(): Promise<void>;
    /** Its failure leaves open what the reader has heard. */
    tell(): Promise<void>;
    /** Keep a first version whose telling failed (the reader may only start with it there). */
    readonly keepFirst?: boolean;
  },
): Promise<void> {
  const { lineage, id } = version;
  const mark = await folder.mark(lineage);
  const before = mark.trying === undefined ? await folder.inUse(lineage) : mark.before;
  const goBack = () => folder.use(lineage, before);
  const done = mark.done === undefined ? {} : { done: mark.done };
  await folder.setMark(lineage, { ...done, trying: id, ...(before === undefined ? {} : { before }) });
  await folder.use(lineage, id);
  try {
    await tell.check?.();
  } catch (error) {
    await goBack();
    // It is as it was; also in that an earlier version may have been heard of in vain.
    await folder.setMark(lineage, mark);
    throw error;
  }
  try {
    await tell.tell();
  } catch (error) {
    if (before === undefined && tell.keepFirst) await folder.setMark(lineage, { trying: id, before: id });
    else await goBack();
    throw error;
  }
  await folder.setMark(lineage, { done: id });
}

/** `current` only when the files are there and the reader was told; never by the files alone. */
export async function lookIfTold(folder: LiveFolder, version: VersionBundle, notTold: string) {
  const look = await folder.look(version);
  if (look.state !== 'current') return look;
  const { done, trying } = await folder.mark(version.lineage);
  if (done === version.id && trying === undefined) return look;
  return { state: 'stale', detail: notTold } as const;
}
