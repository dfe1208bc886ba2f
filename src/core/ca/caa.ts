import { baseName, type Identifier, isWildcard } from '../names/identifier.ts';
import type { ChallengeType } from './challenge-type.ts';

/** A CAA record (RFC 8659), without its flags, which are 0. */
export interface CaaRecord {
  readonly name: string;
  readonly tag: 'issue' | 'issuewild';
  readonly value: string;
}

/** An identifier, and the challenge types that may validate it. */
export interface PinnedIdentifier {
  readonly identifier: Identifier;
  readonly methods: readonly ChallengeType[];
}

/**
 * Returns the records, by name, that restrict issuance to one CA, one of its accounts and these challenge types (RFC
 * 8657). Without an `issuewild` record, `issue` also applies to wildcards, so a second record is needed only if the
 * wildcard uses other challenge types.
 */
export function pinningRecords(
  identifiers: readonly PinnedIdentifier[],
  { identity, accountUrl }: { readonly identity: string; readonly accountUrl: string | undefined },
): ReadonlyMap<string, readonly CaaRecord[]> {
  const names = new Set(identifiers.filter(({ identifier }) => identifier.type === 'dns').map(nameOf));
  const valueFor = (methods: readonly string[]) =>
    [
      identity,
      ...(accountUrl === undefined ? [] : [`accounturi=${accountUrl}`]),
      `validationmethods=${methods.join(',')}`,
    ].join('; ');
  return new Map(
    [...names].map((name) => {
      const own = identifiers.filter((one) => nameOf(one) === name);
      const [plain, wild] = [false, true].map((wanted) =>
        own.find(({ identifier }) => isWildcard(identifier) === wanted),
      );
      const issue = valueFor((plain ?? wild)?.methods ?? []);
      const issuewild = valueFor((wild ?? plain)?.methods ?? []);
      const records: readonly CaaRecord[] = [
        { name, tag: 'issue', value: issue },
        ...(issuewild === issue ? [] : [{ name, tag: 'issuewild', value: issuewild } as const]),
      ];
      return [name, records];
    }),
  );
}

const nameOf = ({ identifier }: PinnedIdentifier): string => baseName(identifier);
