/**
 * The challenge types that certfleet supports: RFC 8555 §8, RFC 8737, draft-ietf-acme-dns-account-label and
 * draft-ietf-acme-dns-persist.
 */
export const challengeTypes = ['http-01', 'tls-alpn-01', 'dns-01', 'dns-account-01', 'dns-persist-01'] as const;

export type ChallengeType = (typeof challengeTypes)[number];

/**
 * Reports whether the challenge is answered with a TXT record. Only these challenges support wildcards, and none of
 * them supports IP addresses.
 */
export const isOverDns = (type: ChallengeType): boolean => type.startsWith('dns-');

/** Reports whether the answer outlives the order, so that no clean-up removes it. Such a challenge has no token. */
export const staysAfterOrder = (type: ChallengeType): boolean => type === 'dns-persist-01';
