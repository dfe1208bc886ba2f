import { createHash } from 'node:crypto';
import { acmeProblem, type ProblemDocument } from './problem.ts';
import type { Authorization, Persist } from './state.ts';

/** What the challenge has besides type, URL and status. */
export const persistFields = ({ draft, issuers }: Persist, accountUrl: string) =>
  draft === 2
    ? { issuerDomainNames: issuers }
    : { 'issuer-domain-names': issuers, ...(draft === 1 ? { accounturi: accountUrl } : {}) };

/** What the directory's `meta` has. */
export const persistMeta = ({ draft, issuers, hashPrefix }: Persist) =>
  draft === 2 ? { issuerDomainNames: issuers, accountHashPrefix: hashPrefix } : {};

/**
 * Whether one of the TXT values permits the account, as in draft-ietf-acme-dns-persist. With draft 02, only the account's
 * current key counts here, although a CA must accept earlier ones, too.
 */
export function validatePersist(
  persist: Persist,
  values: readonly string[],
  facts: {
    readonly authorization: Authorization;
    readonly accountUrl: string;
    readonly thumbprint: string;
    readonly now: Date;
  },
): ProblemDocument | undefined {
  const { authorization, accountUrl, thumbprint, now } = facts;
  const reasons = values.map((value) => {
    const [issuer = '', ...rest] = value.split(';').map((part) => part.trim());
    if (!persist.issuers.includes(issuer)) return `${issuer} is not a name of this CA`;
    const pairs = rest.map((part) => part.split('=').map((text) => text.trim()) as [string, string | undefined]);
    const tags = new Map(pairs.map(([tag, text]) => [tag.toLowerCase(), text]));
    if (tags.size !== pairs.length || pairs.some(([, text]) => text === undefined)) return `${value} is malformed`;
    const uris =
      persist.draft === 2
        ? [authorization.identifier.value, '*'].map((name) => {
            const hash = createHash('sha256')
              .update(Uint8Array.of(name.length))
              .update(name + thumbprint + accountUrl);
            return `${persist.hashPrefix}sha-256/${hash.digest('base64url')}`;
          })
        : [accountUrl];
    if (!uris.includes(tags.get('accounturi') ?? '')) return `${tags.get('accounturi')} is not ${uris[0]}`;
    if (authorization.wildcard && tags.get('policy')?.toLowerCase() !== 'wildcard') return 'it is not for wildcards';
    const until = tags.get('persistuntil');
    if (until !== undefined && !(Number(until) * 1000 >= now.getTime())) return `it ended at ${until}`;
    return undefined;
  });
  if (values.length > 0 && reasons.includes(undefined)) return undefined;
  return acmeProblem('unauthorized', `none of ${values.length} TXT values permits the account: ${reasons.join('; ')}`);
}
