import { ApiError } from './api-error.ts';
import type { AccessKey, Behaviour } from './options.ts';

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

/** RAM's patterns: `*` is any text, `?` any character. */
const matches = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    'i',
  ).test(text);

/** Throws RAM's refusal unless the key's policy allows the action on each of the resources. */
export function checkAccess(
  key: AccessKey,
  action: string,
  resources: readonly string[],
  account: string,
  behaviour: Behaviour,
): void {
  const { policy } = key;
  if (policy === undefined) return;
  for (const resource of resources) {
    const effects = policy
      .filter(
        (statement) =>
          list(statement.Action).some((pattern) => matches(pattern, action)) &&
          list(statement.Resource).some((pattern) => matches(pattern, resource)),
      )
      .map(({ Effect }) => Effect);
    if (effects.includes('Allow') && !effects.includes('Deny')) continue;
    const explicit = effects.includes('Deny');
    // Only the encoded message names the resource; DecodeDiagnosticMessage opens it.
    const encoded = Buffer.from(
      JSON.stringify({ ExplicitDeny: explicit, AuthAction: action, AuthResource: resource }),
    ).toString('base64');
    throw new ApiError(behaviour.denialCode, {
      details: {
        AccessDeniedDetail: {
          ...(behaviour.denialCode === 'Forbidden' ? {} : { AuthAction: action }),
          AuthPrincipalDisplayName: key.sts === undefined ? '208690665531101985' : 'test-role:session',
          AuthPrincipalOwnerId: account,
          AuthPrincipalType: key.sts === undefined ? 'SubUser' : 'AssumedRoleUser',
          EncodedDiagnosticMessage: encoded,
          ...(behaviour.denialCode === 'Forbidden'
            ? {}
            : {
                NoPermissionType: explicit ? 'ExplicitDeny' : 'ImplicitDeny',
                PolicyType: 'AccountLevelIdentityBasedPolicy',
              }),
        },
      },
    });
  }
}
