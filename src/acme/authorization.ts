import { challengeTypes, staysAfterOrder } from '../core/ca/challenge-type.ts';
import { isToken } from '../core/text/encoding.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { AcmeChallenge, Authorization } from '../ports/issuer.ts';
import { type Answer, MalformedAnswer, readList, readObject, readOneOf, readText, readUrl } from './answer.ts';
import { readIdentifier } from './identifier.ts';
import { readIssuerDomainNames } from './issuer-domain-names.ts';
import { readProblem } from './problem.ts';

/** The challenge types that must be well-formed. Others may be anything. */
const answered: readonly string[] = challengeTypes.filter((type) => !staysAfterOrder(type));

/** Reads an authorization (RFC 8555 §7.1.4). `wildcard` becomes the `*.` of the order. */
export function readAuthorization(answer: Answer): Authorization {
  const fields = readObject(answer);
  const statuses = ['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked'] as const;
  const identifier = readIdentifier(fields['identifier']);
  const challenges = readList(fields['challenges'], 'the authorization’s challenges');
  return {
    url: answer.url,
    status: readOneOf(fields['status'], statuses, 'the status of the authorization'),
    identifier:
      fields['wildcard'] === true && identifier.type === 'dns' && !identifier.value.startsWith('*.')
        ? { type: 'dns', value: `*.${identifier.value}` }
        : identifier,
    challenges: challenges.filter(isFields).map((challenge) => readChallenge(challenge, answer)),
    retryAfterMs: answer.retryAfterMs,
  };
}

const challengeStatuses = ['pending', 'processing', 'valid', 'invalid'] as const;

function readChallenge(fields: Fields, answer: Answer): AcmeChallenge {
  const type = readText(fields['type']) ?? '';
  const { url, status, token } = fields;
  const error = readProblem(fields['error']);
  if (!answered.includes(type)) {
    // Listed to show people what the CA offers. Other types may lack a token, or have other states.
    return {
      type,
      url: readText(url, 2_000) ?? '',
      status: challengeStatuses.find((known) => known === status) ?? 'pending',
      token: isToken(token) ? token : undefined,
      ...(type === 'dns-persist-01' ? readPersist(fields, answer) : {}),
      error,
    };
  }
  // The token becomes part of a path and is signed, so only base64url is accepted (RFC 8555 §8.3).
  if (!isToken(token)) throw new MalformedAnswer(`the token of the ${type} challenge is not base64url`);
  return {
    type,
    url: readUrl(url, `the URL of the ${type} challenge`, answer),
    status: readOneOf(status, challengeStatuses, `the status of the ${type} challenge`),
    token,
    error,
  };
}

/** Reads what dns-persist-01 has in place of a token. Returns nothing if it is malformed, as if it were not offered. */
function readPersist(fields: Fields, answer: Answer): Pick<AcmeChallenge, 'persist'> {
  const issuerDomainNames = readIssuerDomainNames(fields['issuerDomainNames'] ?? fields['issuer-domain-names']);
  const { accounturi } = fields;
  if (!issuerDomainNames || !isUrl(fields['url'], answer)) return {};
  if (accounturi !== undefined && typeof accounturi !== 'string') return {};
  return { persist: { issuerDomainNames, ...present({ accountUri: accounturi }) } };
}

function isUrl(value: unknown, answer: Answer): boolean {
  try {
    return readUrl(value, 'the URL', answer) === value;
  } catch {
    return false;
  }
}
