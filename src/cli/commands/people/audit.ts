import type { Run } from '../../context.ts';
import { guarded } from '../../guard.ts';
import { formatTable } from '../../output/table.ts';
import { widthOf } from '../../output/text.ts';
import { accessOf, spanIn } from './people.ts';

const weekMs = 7 * 86_400_000;

/** `certfleet audit` */
export const showAudit: Run = async (session) => {
  const since = new Date((await session.now()).getTime() - (spanIn(session, 'since', 3_660) ?? weekMs));
  const entries = guarded(await (await accessOf(session)).audit.read(since, session.signal));
  for (const { object: to, ...entry } of entries) session.printJson({ object: 'audit', ...entry, to });
  if (session.json) return 0;
  if (entries.length === 0) {
    session.print('Nothing was done in this time.');
    return 0;
  }
  const rows = entries.map(({ at, who, via, from, what, object, detail, result }) => [
    ...[`${at.slice(0, 19).replace('T', ' ')}`, who, from === undefined ? via : `${via}, ${from}`, what],
    ...[detail === undefined ? object : `${object} (${detail})`, result],
  ]);
  session.printWhole(
    formatTable(['AT', 'WHO', 'BY WAY OF', 'DID', 'TO', 'RESULT'], rows, widthOf(session.context.stdout)),
  );
  return 0;
};
