import { directoryOf } from '../../../config/certificates/issuer-directory.ts';
import { knownIssuerAt, knownIssuers } from '../../../core/ca/known-issuers.ts';
import { limitsOf, type RateLimit } from '../../../core/limits/rate-limits.ts';
import { spanText } from '../../../core/text/span.ts';
import type { Directory } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { issuerFromFlags } from '../../flags/issuer.ts';
import { issuerText } from '../../output/issuer-text.ts';
import { formatTable } from '../../output/table.ts';
import { widthOf } from '../../output/text.ts';

/** `certfleet issuers [NAME]`. */
export const issuers: Run = async (session) => {
  const [typed] = session.invocation.args;
  // The CAs can be listed without rights to the store.
  const settings = await session.declared().catch(() => session.settings());
  if (typed === undefined) return list(session, Object.entries(settings.issuers));
  const issuer = await issuerFromFlags(session, settings, { named: typed, opensAccount: false });
  const { directory: url } = issuer.settings;
  const known = knownIssuerAt(url);
  if (known && !session.json) session.printWhole(issuerText(issuer.name, known, session.language));
  // Needs nothing from the store, and must not create one.
  const fleet = await session.fleet({ makeStore: false, inMemory: true });
  const directory = await fleet.directory(issuer, session.signal);
  session.printJson({ object: 'issuer', name: issuer.name, directory: url, facts: known?.facts ?? [], ...directory });
  const lines = [...linesOf(directory), ...limitLines(limitsOf(url, issuer.settings.limits))];
  session.print(`${known ? 'Its directory says now:' : `${issuer.name}: ${url}`}\n${lines.join('\n')}`);
  return 0;
};

function linesOf(directory: Directory): readonly string[] {
  const { termsOfService, caaIdentities, externalAccountRequired, hasRenewalInfo, hasKeyChange } = directory;
  const { issuerDomainNames = [], accountHashPrefix, profiles } = directory;
  const names = Object.entries(profiles);
  const persist = accountHashPrefix === undefined ? 'the account’s URL' : 'a hash of the account (draft 02)';
  return [
    `  Terms of service    ${termsOfService ?? 'none'}`,
    `  Accounts            ${externalAccountRequired ? 'only for its customers (EAB)' : 'for everyone'}`,
    `  CAA records         ${caaIdentities.map((name) => `0 issue "${name}"`).join(' or ') || 'it does not say'}`,
    `  Renewal times       ${hasRenewalInfo ? 'it suggests them (ARI, RFC 9773)' : 'it suggests none'}`,
    `  Key rollover        ${hasKeyChange ? 'yes' : 'no'}`,
    ...(issuerDomainNames.length === 0
      ? []
      : [`  dns-persist-01      ${issuerDomainNames.join(', ')}, with ${persist}`]),
    `  Profiles            ${names.length === 0 ? 'none: leave out --profile' : ''}`,
    ...names.map(([name, text]) => `    ${name.padEnd(16)}  ${text}`),
  ].map((line) => line.trimEnd());
}

/** Shows the rate limits that certfleet keeps, known or configured. */
const limitLines = (limits: readonly RateLimit[]): readonly string[] =>
  limits.length === 0
    ? ['  Rate limits         none known: set `limits` of the issuer if it has some']
    : [
        '  Rate limits, known or set by `limits` of the issuer:',
        ...limits.map(({ title, burst, periodMs }) => `    ${title}: ${burst} in ${spanText(periodMs)}`),
      ];

function list(session: Session, declared: readonly (readonly [string, { readonly directory: string }])[]): number {
  const width = widthOf(session.context.stdout);
  for (const [name, { directory }] of declared)
    session.printJson({ object: 'issuer', name, directory, isDeclared: true });
  for (const [name, issuer] of Object.entries(knownIssuers)) session.printJson({ object: 'issuer', name, ...issuer });
  if (declared.length > 0) {
    const rows = declared.map(([name, { directory }]) => [name, directoryOf(directory)?.known?.title ?? directory]);
    session.printWhole(`${formatTable(['DECLARED', 'CA'], rows, width)}\n`);
  }
  const rows = Object.entries(knownIssuers).map(([name, { title, needsAccountBinding, testDirectory }]) => [
    name,
    title,
    needsAccountBinding ? 'EAB' : 'open',
    testDirectory === undefined ? 'no' : 'yes',
  ]);
  session.printWhole(formatTable(['ISSUER', 'CA', 'ACCOUNTS', 'STAGING'], rows, width));
  session.print(
    '\n`certfleet issuers NAME` asks a CA for its profiles, terms and CAA names. Any other CA with ACME works, too: --issuer URL.',
  );
  return 0;
}
