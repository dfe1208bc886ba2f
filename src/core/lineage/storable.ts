import { cut } from '../errors/remote-text.ts';
import { shortened } from '../errors/stored-error.ts';
import type { StoredError } from '../errors/wording.ts';
import { present } from '../text/present.ts';
import { maxDocumentBytes } from './document-limits.ts';
import {
  type Deployment,
  encodeDocument,
  type Failure,
  type Lineage,
  type Renewal,
  type Tombstone,
} from './lineage.ts';

/**
 * Returns a lineage that fits into a document. If the document would be too large, it omits what the engine does not
 * need, the least important first, rather than fail: a refusal that is not stored would be repeated by every run.
 */
export function storable(lineage: Lineage): { readonly lineage: Lineage; readonly bytes: Uint8Array } {
  let [smaller, bytes] = [lineage, encodeDocument(lineage)];
  for (const shrink of [shortTexts(500), shortTexts(0), withoutDetails, withFewerStones]) {
    if (bytes.length <= maxDocumentBytes) break;
    smaller = shrink(smaller);
    bytes = encodeDocument(smaller);
  }
  return { lineage: smaller, bytes };
}

const replaceAll = <T, R>(record: Readonly<Record<string, T>>, change: (value: T) => R): Readonly<Record<string, R>> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));

/** Shortens all messages; with `most` 0, only their codes are left, and no places by name. */
const shortTexts =
  (most: number) =>
  (lineage: Lineage): Lineage => {
    const short = (text: string) => (most === 0 ? '' : cut(text, most));
    const { failure, last, deployments } = lineage;
    return {
      ...lineage,
      ...present({
        failure: failure && { ...withoutTexts(failure), ...shortened(failure, most), code: failure.code },
        last: last && { ...withoutTexts(last), ...shortened(last, most) },
        tombstones: lineage.tombstones?.map((stone) =>
          stone.refused ? { ...stone, refused: { ...stone.refused, reason: short(stone.refused.reason) } } : stone,
        ),
      }),
      deployments: replaceAll(
        deployments,
        ({ places, ...one }): Deployment => ({
          ...withoutTexts(one),
          ...shortened(one, most),
          ...present({ places: places && (most === 0 ? { ...places, named: [] } : places) }),
        }),
      ),
    };
  };

function withoutTexts<T extends StoredError>({ params: _p, cause: _c, message: _m, hint: _h, ...rest }: T) {
  return rest;
}

/** Omits links and the failed validations of the last hour. */
function withoutDetails(lineage: Lineage): Lineage {
  const { failure, renewal, ...rest } = lineage;
  const { validations: _times, ...counted } = failure ?? {};
  const { explanationUrl: _page, ...timed } = renewal ?? {};
  return {
    ...rest,
    failure: failure && (counted as Failure),
    renewal: renewal && (timed as Renewal),
  };
}

/**
 * Keeps as many tombstones as fit. A tombstone that is only checked for late effects is dropped before one whose
 * removal failed. No order begins while the tombstones take more than their share, so only a spec of more than 100 KiB
 * gets here.
 */
function withFewerStones(lineage: Lineage): Lineage {
  const isOwed = ({ looked }: Tombstone) => looked === -1;
  const stones = lineage.tombstones ?? [];
  const { tombstones: _all, ...rest } = lineage;
  let room = maxDocumentBytes - encodeDocument(rest).length - '"tombstones":[],'.length;
  const kept = [...stones.filter(isOwed), ...stones.filter((stone) => !isOwed(stone))].filter((stone) => {
    const bytes = encodeDocument(stone).length + 1;
    if (bytes > room) return false;
    room -= bytes;
    return true;
  });
  return kept.length > 0 ? { ...rest, tombstones: kept } : rest;
}
