import { remoteText } from '../../../core/errors/remote-text.ts';
import { pauseText } from '../../../core/lineage/pause.ts';
import { byCause, type KeptPlaces, waitsForOther } from '../../../core/lineage/places.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { lineageNotFound } from '../../../core/names/not-found.ts';
import { hookText } from '../../../core/spec/hooks.ts';
import type { AdapterSettings, Settings } from '../../../core/spec/spec.ts';
import type { LineageStatus } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { certificateNames, solversText } from '../../flags/names.ts';
import { folderOf, type Places, placesOf } from '../../output/places.ts';
import { saidIn } from '../../output/said.ts';
import { dateText, fromNow, widthOf, withDates, wrap } from '../../output/text.ts';
import { showHistory } from './history.ts';
import { isLeftAlone } from './status.ts';

/** `certfleet show NAME`. */
export const show: Run = async (session) => {
  const fleet = await session.fleet({ makeStore: false });
  const [name = ''] = await certificateNames(session, session.invocation.args); // the parser requires one
  const found = (await fleet.status([name], session.signal)).find((lineage) => lineage.name === name);
  if (!found) {
    const names = (await fleet.status([], session.signal)).map((lineage) => lineage.name);
    throw lineageNotFound(name, names);
  }
  if (session.invocation.flags['history'] === true) return showHistory(session, found.name);
  session.printJson({ object: 'certificate', ...found });
  const width = widthOf(session.context.stdout);
  const places = await placesOf(session, found.name);
  const solvers = await placesOfSolvers(session, found);
  session.printWhole(details(saidIn(session.language, found), { places, solvers, now: await session.now(), width }));
  return 0;
};

/**
 * Returns where the solvers of a certificate put or serve their challenge responses, from the stored or declared
 * settings.
 */
async function placesOfSolvers(session: Session, { name, spec }: LineageStatus): Promise<readonly Row[]> {
  if (!spec) return [];
  const fleet = await session.fleet({ makeStore: false });
  const settings = fleet.settings();
  const stored = await fleet.stored(name, session.signal).catch(() => undefined);
  const own = (stored?.spec.parts ?? []).map(({ solver }) => [solver.name, solver] as const);
  const all: Settings['solvers'] = { ...settings.solvers, ...Object.fromEntries(own) };
  return [...new Set([spec.solver, ...Object.values(spec.solvers ?? {})])].flatMap((solver): readonly Row[] => {
    const { folders, listen }: Partial<AdapterSettings> = all[solver]?.settings ?? {};
    const places = Array.isArray(folders)
      ? folders.join(', ')
      : listen === undefined
        ? ''
        : `listens on ${String(listen)}`;
    return places === '' ? [] : [['', remoteText(`${solver}: ${places}`)]];
  });
}

type Row = readonly [string, string | undefined];

interface Details {
  readonly places: Places;
  readonly solvers: readonly Row[];
  readonly now: Date;
  readonly width: number;
}

const placeWords = { changing: 'rolling out', busy: 'waiting', stale: 'missing', absent: 'missing' } as const;

/** Returns how many places of a target have the version, and those that lack it. */
function placeRows(places: KeptPlaces | undefined): readonly (readonly [string, string])[] {
  if (!places) return [];
  const { total, lacking, named } = places;
  const more = lacking - named.length;
  const states = [...new Set(named.map(({ state }) => state))];
  return [
    ['', `${total - lacking} of ${total} places have it`],
    ...states.flatMap((state) =>
      byCause(named.filter((one) => one.state === state)).map(({ places, reason }): readonly [string, string] => [
        '',
        `${placeWords[state]}: ${places.map(withLetters).join(', ')}${reason === '' ? '' : ` (${reason})`}`,
      ]),
    ),
    ...(named.length > 0 && more > 0 ? ([['', `and ${more} more`]] as const) : []),
  ];
}

function details(lineage: LineageStatus, { places, solvers, now, width }: Details): string {
  const date = (iso: string | undefined) => iso && `${dateText(iso, now)} (${fromNow(iso, now)})`;
  const { failure } = lineage;
  const isCorrupt = lineage.state === 'corrupt';
  const renewal = isLeftAlone(lineage)
    ? 'never'
    : lineage.paused
      ? 'not while it is paused'
      : lineage.renewAt &&
        `${lineage.byHand ? 'by hand ' : ''}${date(lineage.renewAt)}, ${lineage.renewalSource === 'ari' ? 'as the CA suggests (ARI)' : 'from its lifetime'}`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Name', withLetters(lineage.name)],
    ['State', lineage.state],
    ['Identifiers', lineage.identifiers.map(withLetters).join(', ')],
    ...(lineage.dropped ?? []).map(({ identifier, reason }): readonly [string, string] => [
      'Left out',
      `${withLetters(identifier)}: ${reason}`,
    ]),
    ['Declared by', declaredBy(lineage)],
    ['Issuer', lineage.issuer],
    ['Account', lineage.account],
    ['Profile', lineage.spec?.profile],
    ['Chain wanted', lineage.spec?.preferredChain],
    ['Not before', lineage.spec?.validity?.notBefore],
    ['Not after', lineage.spec?.validity?.notAfter],
    ['Failed names', lineage.spec?.onFailedName === 'drop' ? 'left out' : undefined],
    ['Key', lineage.keyType && `${lineage.keyType}${lineage.spec?.reuseKey ? ', stays at renewals' : ''}`],
    ['Solver', lineage.settingsLost ? 'unknown' : lineage.spec && solversText(lineage.spec)],
    ...(lineage.settingsLost ? [] : solvers),
    ['Issued by', lineage.issuerName],
    ['Chain', lineage.chain?.join(' → ')],
    ['Serial', lineage.serial],
    ['Valid from', date(lineage.notBefore)],
    ['Valid until', date(lineage.notAfter)],
    ['Paused', lineage.paused && withDates(pauseText(lineage.paused).replace(/^paused /, ''), now)],
    ['Rolled back', isLeftAlone(lineage) ? undefined : date(lineage.rolledBack?.at)],
    ['Exported', lineage.exports?.map(({ at, to }) => `${dateText(at, now)} to ${to}`).join(', ')],
    ['Revoked', lineage.revoked && `${date(lineage.revoked.at)}, ${lineage.revoked.reason}`],
    ['Renewal', lineage.revoked?.isReplaced ? 'at the next run' : renewal],
    ['Explained at', lineage.explanationUrl],
    ...(lineage.records ?? []).flatMap(({ name, value, until }): readonly (readonly [string, string])[] => [
      ['TXT record', `${name}, which stays${until === undefined ? '' : ` until ${date(until)}`}`],
      ['', value],
    ]),
    ['In progress', lineage.work && `step ${lineage.work.step}, by ${lineage.work.holder}`],
    ...lineage.deployments.flatMap(
      ({
        target,
        state,
        version,
        node,
        message,
        settling,
        noLongerWanted,
        places: parts,
      }): readonly (readonly [string, string | undefined])[] => [
        [
          'Target',
          `${target}${node === undefined ? '' : ` of node ${node}`}: ${noLongerWanted ? 'is no longer delivered to' : settling ? rollOutText(parts) : stateWords[state]} (version ${version})`,
        ],
        ['', state === 'current' || noLongerWanted ? undefined : message],
        ...placeRows(parts),
        ['Files', folderOf(target, lineage.name, places)],
      ],
    ),
    ...(lineage.lackingAt ?? []).flatMap(
      ({ node, target, since, message }): readonly (readonly [string, string | undefined])[] => [
        ['Lacking', `${target} of node ${node}, since ${dateText(since, now)}`],
        ['', message ?? '`certfleet renew` on that node delivers it'],
      ],
    ),
    ...(lineage.spec?.deploy ?? [])
      .filter((target) => lineage.deployments.every((deployment) => deployment.target !== target))
      .map((target): readonly [string, string] => ['Target', `${target}: not delivered yet`]),
    ['Endpoints', lineage.spec?.endpoints.join(', ')],
    ['Pre-hook', hookText(lineage.spec?.hooks, 'pre')],
    ['Post-hook', hookText(lineage.spec?.hooks, 'post')],
    ['Deploy hook', hookText(lineage.spec?.hooks, 'deploy')],
    isCorrupt ? ['Problem', failure?.message] : ['Failed', failure && `${times(failure.count)}: ${failure.message}`],
    ['What to do', failure?.hint],
    [
      'On hold',
      lineage.heldUntil && `until ${date(lineage.heldUntil)}, as the CA asked; \`--force\` does not override it`,
    ],
    ['Rate limit', lineage.rateLimit && `until ${date(lineage.rateLimit.until)} (${lineage.rateLimit.quota})`],
    [
      'Next try',
      isCorrupt || isLeftAlone(lineage) || lineage.paused || failure?.notDue ? undefined : date(failure?.retryAt),
    ],
    ...(lineage.left ?? []).map(({ what, reason }): readonly [string, string] => [
      'Left outside',
      `${what} could not be removed: ${reason}`,
    ]),
  ];
  return rows
    .filter((row): row is readonly [string, string] => row[1] !== undefined && row[1] !== '')
    .map(([title, value]) => title.padEnd(titles) + wrap(value, Math.max(20, width - titles), ' '.repeat(titles)))
    .join('\n');
}

/** The width of the titles. */
const titles = 13;

const times = (count: number): string => (count === 1 ? 'once' : `${count} times in a row`);

function declaredBy({ state, origin: from, givenBack, settingsLost }: LineageStatus): string | undefined {
  if (state === 'corrupt') return undefined; // the origin is in the document, which cannot be read
  if (givenBack) return `nothing any more (given back to certbot in ${givenBack.path} by \`import --undo\`)`;
  if (settingsLost) return 'unknown (lost with its document)';
  const origin = from === 'command-line' ? '`certfleet issue` with flags, or an import' : 'the configuration';
  return state === 'undeclared' ? `nothing any more (formerly ${origin})` : origin;
}

const rollOutText = (places: KeptPlaces | undefined): string =>
  places && waitsForOther(places) ? 'waits until another change is rolled out' : 'is rolling it out';

const stateWords = {
  current: 'up to date',
  pending: 'pending; `certfleet renew` tries again',
  intended: 'interrupted; `certfleet renew` continues',
} as const;
