import type { KnownIssuer } from '../../core/ca/known-issuers.ts';
import { inLanguage, type Language } from '../../core/errors/wording.ts';

/** Describes on several lines what certfleet knows about a CA without asking the CA. */
export function issuerText(name: string, issuer: KnownIssuer, language: Language): string {
  const { title, directory, testDirectory, needsAccountBinding, accountBinding, needsEmail, facts } = issuer;
  const eab = needsAccountBinding
    ? ['  Accounts        only for its customers: give --eab-kid and --eab-hmac-key']
    : [];
  return [
    `${name}: ${title} (CA)\n`,
    `  Directory       ${directory}`,
    `  With --staging  ${testDirectory ?? 'refused: it has no test directory'}`,
    ...eab,
    ...(accountBinding === undefined ? [] : [`  EAB keys        ${accountBinding}`]),
    ...(needsEmail ? ['  E-mail          needed'] : []),
    ...facts.map((fact, at) => `${at === 0 ? '\n' : ''}${inLanguage(fact, language)}`),
    '',
  ].join('\n');
}
