/** The challenge types that certfleet answers (RFC 8555 §8). */
export type ChallengeType = 'http-01' | 'dns-01';
