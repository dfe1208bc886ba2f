import { baseName, type Identifier, isWildcard } from '../names/identifier.ts';
import type { ChallengeType } from './challenge-type.ts';

/** A CAA record (RFC 8659), without its flags, which are 0. */
export interface CaaRecord {
  readonly name: string;
  readonly tag: 'issue' | 'issuewild';
  readonly value: string;
}

/** An identifier, and the challenges over which it may be validated. */
export interface PinnedIdentifier {
  readonly identifier: Identifier;
  readonly methods: readonly ChallengeType[];
}

/**
 * The records that leave the names to one CA, one account of it and these challenges (RFC 8657), by name. Without an
 * `issuewild`, `issue` counts for wildcards, too, so a second record is needed only if they have other challenges.
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
