import { parseIdentifiers } from '../../config/certificates/identifiers.ts';
import { fail } from '../../core/errors/errors.ts';
import { isWildcard } from '../../core/names/identifier.ts';
import type { CertbotWords, Served } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { namesMissing } from './suggestions.ts';

/** What the web server's configuration determines. */
export interface WebServed {
  readonly served: Served;
  /** Returns what to add to the server's configuration once a certificate with this name exists. */
  advice(name: string): string | undefined;
}

/** The web server found, and the line that asks for it. */
export interface Found {
  readonly given: CertbotWords;
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
  readonly port: number;
  readonly session: Session;
}

/** Returns the names to get a certificate for. Fails with a `usage/` code. */
export function namesFor(
  { domains, verb, authenticator }: CertbotWords,
  flag: string,
  served: readonly string[],
): readonly string[] {
  const known = [...new Set(served)].filter((name) => /^[a-z0-9.-]+\.[a-z0-9-]+$/i.test(name));
  if (domains.length === 0) throw namesMissing(verb, known);
  const identifiers = parseIdentifiers(domains, 'the certificate');
  const wildcard = flag === `--${authenticator}` ? identifiers.find(isWildcard) : undefined;
  if (wildcard)
    throw fail(
      'identifier/wildcard-needs-dns',
      { value: wildcard.value, solver: flag, answers: 'http-01' },
      { hint: `Use --dns-PROVIDER in place of ${flag}.` },
    );
  return identifiers.map(({ value }) => value);
}

export const filesOf = (folder: string, name: string): readonly [chain: string, key: string] => [
  `${folder}/live/${name}/fullchain.pem`,
  `${folder}/live/${name}/privkey.pem`,
];

export function adviceOf(
  changes: readonly string[],
  blocks: readonly string[],
  enhancements: string | undefined,
  reload: string,
): string | undefined {
  const parts = [
    ...(changes.length > 0 ? [`To use the certificate, change this:\n\n${changes.join('\n')}`] : []),
    ...(blocks.length > 0 ? [`To serve HTTPS, add this:\n\n${blocks.join('\n\n')}`] : []),
    ...(enhancements === undefined ? [] : [enhancements]),
  ];
  return parts.length === 0 ? undefined : `${parts.join('\n\n')}\n\nThen ${reload}. certfleet edits no configuration.`;
}
