import type { CaaReport } from '../../../fleet.ts';
import type { Run } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';

/**
 * `certfleet caa NAME…`: prints lines for a zone file. Exits with 3 if the present records would make the CA refuse an
 * order.
 */
export const caa: Run = async (session) => {
  const fleet = await session.fleet({ makeStore: false });
  const reports = await fleet.caa(await certificateNames(session, session.invocation.args), session.signal);
  for (const report of reports) session.printJson({ object: 'caa', ...report });
  session.printWhole(`${reports.map(linesOf).join('\n')}\n`);
  const refused = reports.flatMap(({ names }) => names).some(({ today }) => today.verdict === 'no');
  return refused ? 3 : 0;
};

const marks = { pass: 'allows it', no: 'REFUSES it', 'cannot-tell': 'cannot be told' } as const;

function linesOf({ certificate, issuer, accountUrl, names }: CaaReport): string {
  const account =
    accountUrl === undefined
      ? 'there is no account yet: once `certfleet issue` has opened it, print them again to pin the account, too'
      : `account ${accountUrl}`;
  return [
    `; ${certificate}: only ${issuer}, ${account}`,
    ...names.flatMap(({ name, records, today }) => [
      `; ${name} today ${marks[today.verdict]}: ${today.finding}`,
      ...(today.records ?? []).map((record) => `;   ${record}`),
      ...records.map(({ tag, value }) => `${name}. CAA 0 ${tag} "${value}"`),
    ]),
    ...(names.length === 0 ? ['; it has only addresses, for which there are no CAA records'] : []),
  ].join('\n');
}
