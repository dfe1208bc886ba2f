import { adapterEntry } from '../../../config/registry/registry.ts';
import { fail } from '../../../core/errors/errors.ts';
import { remoteText } from '../../../core/errors/remote-text.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { deployHookTarget } from '../../../core/spec/hooks.ts';
import type { AdapterSettings } from '../../../core/spec/spec.ts';
import { present } from '../../../core/text/present.ts';
import { shortList } from '../../../core/text/short-list.ts';
import { spanText } from '../../../core/text/span.ts';
import type { Deleted } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';
import { listOf } from '../../flags/values.ts';
import { reportStart } from '../../output/outcomes.ts';
import { folderOf, type Places, placesOf } from '../../output/places.ts';
import { dateText } from '../../output/text.ts';

/** `certfleet delete NAME`. */
export const deleteCertificate: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [name, another] = await certificateNames(session, [...args, ...listOf(flags['name'])]);
  if (name === undefined || another !== undefined)
    throw fail('usage/arguments', { what: 'one certificate to delete', form: 'certfleet delete NAME' });
  const fleet = await session.fleet({ makeStore: false });
  const places = await placesOf(session, name);
  if (flags['force'] !== true) await confirm(session, name);
  await reportStart(session, 'delete');
  const deleted = await fleet.delete({ name, force: flags['force'] === true }, session.signal);
  const now = await session.now();
  const message = `${withLetters(name)}: deleted from the store, with its keys`;
  const { certificate, keptBy, kept, notAfter, left, unsure = [], records = [], isDeclared } = deleted;
  session.reporter.report({
    v: 1,
    time: now.toISOString(),
    level: 'info',
    event: 'run.finished',
    certificate,
    message,
    data: {
      ...{ exitCode: 0, keptBy, left, records, isDeclared },
      ...present({ unsure: unsure.length > 0 ? unsure : undefined, notAfter, kept }),
    },
  });
  if (session.quiet) return 0;
  session.print([message, ...remarksOf(deleted, places, now).map((line) => `  ${line}`)].join('\n'));
  return 0;
};

/** Asks for confirmation at a terminal, because the store may have the only copy of the key. Does not ask scripts. */
async function confirm(session: Session, name: string): Promise<void> {
  const question = `Delete ${withLetters(name)} from the store, with its keys? [y/N] `;
  const answer = session.json ? undefined : await session.context.ask?.(question, session.signal);
  if (answer !== undefined && !/^y(es)?$/i.test(answer))
    throw fail('usage/not-confirmed', { what: `the deletion of ${withLetters(name)}` });
}

/** Describes what stays in place, and what to do next. */
function remarksOf(deleted: Deleted, places: Places, now: Date): readonly string[] {
  const {
    certificate,
    keptBy,
    kept = {},
    notAfter,
    left,
    unsure = [],
    records = [],
    exported = [],
    isDeclared,
  } = deleted;
  const valid = notAfter !== undefined && Date.parse(notAfter) > now.getTime();
  const targets = keptBy.flatMap((target) => {
    const known = kept[target];
    if (known) return known.map((what) => `${target} keeps ${what}`);
    if (target === deployHookTarget) return 'The deploy hook does not run any more; what it did stays.';
    const { type, path }: Partial<AdapterSettings> = places.deployers[target]?.settings ?? {};
    const isCommand = type !== undefined && adapterEntry(places.registry, 'deployer', type)?.runsCommand === true;
    if (isCommand && path === undefined) return `The command ${target} does not run any more; what it did stays.`;
    const folder = isCommand ? remoteText(`${path}/live/${certificate}/`) : folderOf(target, certificate, places);
    return folder === undefined ? `${target} keeps what it has.` : `The files in ${folder} stay.`;
  });
  return [
    ...targets,
    ...(exported.length > 0
      ? [`Exported files with its keys stay, if they are still there: ${shortList(exported)}.`]
      : []),
    ...(valid
      ? [
          `It was not revoked, so it stays valid until ${dateText(notAfter, now)} (${spanText(Date.parse(notAfter) - now.getTime())}).`,
        ]
      : []),
    ...records.map(({ name, value, usedBy }) =>
      usedBy.length > 0
        ? `The TXT record at ${name} stays: ${shortList(usedBy)} ${usedBy.length === 1 ? 'uses' : 'use'} it, too.`
        : `The TXT record at ${name} stays, and lets the account get certificates until you remove it: ${value}`,
    ),
    ...left.map((what) => `Left behind: ${what}.`),
    ...(left.length > 0 ? ['Nothing tries again to remove what is left behind: remove it by hand.'] : []),
    ...(unsure.length > 0
      ? [
          `The DNS provider may not list ${left.length > 0 ? 'these others' : 'these'} yet, so \`certfleet renew\` and \`certfleet sweep\` look for them again: ${shortList(unsure)}.`,
        ]
      : []),
    isDeclared
      ? 'Next: remove it from the configuration, too; otherwise `certfleet renew` orders it again.'
      : 'Next: nothing to do; it will not be renewed.',
  ];
}
