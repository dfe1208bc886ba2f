import { fail } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { LineageStatus } from '../fleet.ts';
import type { Run } from './context.ts';
import { dateText, fromNow, harmless } from './text.ts';

/** `certfleet show NAME`. */
export const show: Run = async (session) => {
  const fleet = await session.fleet({ makeStore: false });
  const name = session.invocation.args[0]!; // the parser asks for it
  const found = (await fleet.status([name], session.signal)).find((lineage) => lineage.name === name);
  if (!found) {
    const names = (await fleet.status([], session.signal)).map((lineage) => lineage.name);
    throw fail('lineage/not-found', { name, nearest: didYouMean(name, names) });
  }
  session.printJson({ object: 'certificate', ...found });
  session.print(details(found, await session.now()));
  return 0;
};

function details(lineage: LineageStatus, now: Date): string {
  const date = (iso: string | undefined) => iso && `${dateText(iso, now)} (${fromNow(iso, now)})`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Name', lineage.name],
    ['State', lineage.state],
    ['Identifiers', lineage.identifiers.join(', ')],
    ['Declared by', lineage.origin === 'command-line' ? '`certfleet issue` with flags' : 'the configuration'],
    ['Issuer', lineage.issuer],
    ['Profile', lineage.spec?.profile],
    ['Solver', lineage.spec?.solver],
    ['Issued by', lineage.issuerName],
    ['Serial', lineage.serial],
    ['Valid from', date(lineage.notBefore)],
    ['Valid until', date(lineage.notAfter)],
    [
      'Renewal',
      lineage.renewAt &&
        `${date(lineage.renewAt)}, ${lineage.renewalSource === 'ari' ? 'as the CA asked (ARI)' : 'by its lifetime'}`,
    ],
    ['CA explains', lineage.explanationUrl],
    ['In work', lineage.work && `step ${lineage.work.step}, by ${lineage.work.holder}`],
    ...lineage.deployments.map(({ target, state, version }): readonly [string, string] => [
      `Target`,
      `${target}: ${stateWords[state]} (version ${version})`,
    ]),
    ['Endpoints', lineage.spec?.endpoints.join(', ')],
    ['Failed', lineage.failure && `${lineage.failure.count} times in a row: ${lineage.failure.message}`],
    ['What to do', lineage.failure?.hint],
    ['Next try', lineage.failure && date(lineage.failure.retryAt)],
  ];
  return rows
    .filter((row): row is readonly [string, string] => row[1] !== undefined && row[1] !== '')
    .map(([title, value]) => `${title.padEnd(13)}${harmless(value).replaceAll('\n', `\n${' '.repeat(13)}`)}`)
    .join('\n');
}

const stateWords = {
  current: 'has it',
  pending: 'pending; `certfleet renew` tries again',
  intended: 'was interrupted; `certfleet renew` goes on',
} as const;
