import { isFailure } from '../../../core/errors/errors.ts';
import { withLetters } from '../../../core/names/letters.ts';
import type { Hop } from '../../../core/request-path/hop.ts';
import type { DrawnPath, Fleet } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';
import { exitCodeOfHops } from '../../output/exit-codes.ts';
import { widthOf, wrap } from '../../output/text.ts';

/** `certfleet doctor NAME…`, and without a name, a look at the store. */
export const doctor: Run = async (session) => {
  if (session.invocation.args.length === 0) return doctorOfStore(session);
  const names = await certificateNames(session, session.invocation.args);
  const fleet = await openAny(session, names);
  const { paths, targets } = await fleet.doctor(names, session.signal);
  for (const path of paths) session.printJson({ object: 'path', ...path });
  for (const target of targets) session.printJson({ object: 'target', ...target });
  const all = [
    ...paths.map((path) => ({ title: titleOf(path), hops: path.hops })),
    ...targets.map(({ certificate, target, hops }) => ({ title: `${certificate}: delivery to ${target}`, hops })),
  ];
  return told(session, all);
};

async function doctorOfStore(session: Session): Promise<number> {
  const { lookAtStore } = await import('../../../whole-store.ts');
  const [settings, world] = await Promise.all([session.settings(), session.world()]);
  const { location, hops } = await lookAtStore(settings, { world, env: session.context.env }, session.signal);
  session.printJson({ object: 'store-look', store: location, hops });
  return told(session, [{ title: `The store ${location}`, hops }]);
}

interface Drawn {
  readonly title: string;
  readonly hops: readonly Hop[];
}

/** Prints drawings and a closing line, and returns the exit code. */
function told(session: Session, all: readonly Drawn[]): number {
  const hops = all.flatMap((one) => one.hops);
  const code = exitCodeOfHops(hops);
  const shown = session.quiet ? all.filter((one) => one.hops.some(({ state }) => state === 'broken')) : all;
  const width = widthOf(session.context.stdout);
  for (const [index, one] of shown.entries()) session.printWhole(`${index > 0 ? '\n' : ''}${drawing(one, width)}`);
  const [broken, unknown] = (['broken', 'cannot-tell'] as const).map(
    (state) => hops.filter((hop) => hop.state === state).length,
  );
  const parts = [
    ...(broken === 0 ? [] : [`${broken} broken`]),
    ...(unknown === 0 ? [] : [`${unknown} that cannot be told from here`]),
  ];
  if (!session.quiet) session.print(`\nDoctor: ${parts.length === 0 ? 'all is well' : parts.join(', ')}.`);
  return code;
}

/**
 * Opens the fleet. Without a store, opens one that stores nothing, for certificates that are declared but were never
 * issued.
 */
async function openAny(session: Session, names: readonly string[]): Promise<Fleet> {
  try {
    return await session.fleet({ makeStore: false });
  } catch (error) {
    const { certificates } = await session.settings();
    const areDeclared = names.every((name) => certificates.some((one) => one.name === name));
    if (!isFailure(error, 'store/absent') || session.invocation.flags['store'] !== undefined || !areDeclared)
      throw error;
    return session.fleet({ makeStore: true, inMemory: true });
  }
}

const marks = { well: '✓', 'cannot-tell': '?', broken: '✗' } as const;
/** The width of `responder`, the longest name of a hop. */
const placeWidth = 9;

const titleOf = ({ certificate, identifier, challenge, solver }: DrawnPath): string =>
  `${certificate}: ${withLetters(identifier)} by ${challenge}, solver ${solver}`;

/** Draws one path: a line for each hop, and advice below it. */
function drawing({ title, hops }: Drawn, width: number): string {
  const indent = ' '.repeat(placeWidth + 7);
  const room = Math.max(30, width - indent.length);
  const lines = hops.flatMap((hop, index) => {
    const branch = index === hops.length - 1 ? '└' : '├';
    const rest = index === hops.length - 1 ? ' ' : '│';
    const below = `  ${rest}${' '.repeat(placeWidth + 4)}`;
    const head = `  ${branch} ${marks[hop.state]} ${hop.at.padEnd(placeWidth)} `;
    const why =
      hop.state === 'well' ? [] : advised(hop).map((text) => `${below}→ ${wrap(text, room - 2, `${below}  `)}`);
    return [`${head}${wrap(hop.finding, room, below)}`, ...why];
  });
  return [title, ...lines].join('\n');
}

const advised = ({ advice, reason }: Hop): readonly string[] =>
  advice === undefined || advice === '' ? [] : [`${advice}${reason === undefined ? '' : ` (${reason})`}`];
