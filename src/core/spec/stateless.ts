import { baseName, type Identifier } from '../names/identifier.ts';
import type { StoredSpec } from './spec.ts';
import { type PartSpec, partsOf } from './spec-parts.ts';

/**
 * Returns the parts of a certificate whose challenges are answered by proxies themselves, from its account's
 * thumbprint.
 */
export const statelessParts = (spec: StoredSpec): readonly PartSpec[] =>
  partsOf(spec).filter(({ solver }) => solver.traits?.stateless === true);

/** The proxies for which there are snippets. */
export const statelessProxies = ['nginx', 'haproxy'] as const;

export type StatelessProxy = (typeof statelessProxies)[number];

/** What a proxy answers on its own: the key authorizations of an account, for some names. */
export interface StatelessAnswer {
  /** The thumbprint of the account key (RFC 7638): the second half of every key authorization (RFC 8555 §8.1). */
  readonly thumbprint: string;
  readonly identifiers: readonly Identifier[];
  /** Set if the key is the account's next one, because a rollover has begun. */
  readonly isNext?: true;
}

/**
 * Matches one path segment that may be a token: CAs use 22 characters (128 bits) or more. The answer must contain
 * nothing else.
 */
const path = '/\\.well-known/acme-challenge/';
const token = '[A-Za-z0-9_-]{22,128}';
/** An nginx word has at most 4,096 characters, and a line of older HAProxy versions 2,048. */
const mostOfNames = 1_200;

/**
 * Returns the configuration with which a proxy answers HTTP-01 challenges itself. It answers only for these names, and
 * only the exact path of a challenge; all other requests are handled as usual.
 */
export const statelessSnippet = (proxy: StatelessProxy, answers: readonly StatelessAnswer[]): string =>
  answers
    .flatMap(({ thumbprint, identifiers }) => inGroups(identifiers).map((hosts) => snippets[proxy](hosts, thumbprint)))
    .join('\n');

const snippets: Readonly<Record<StatelessProxy, (hosts: string, thumbprint: string) => string>> = {
  nginx: (hosts, thumbprint) =>
    `set $certfleet_request $http_host$request_uri;
if ($certfleet_request ~ "^(?i:${hosts})(?::[0-9]{1,5})?${path}(?<certfleet_token>${token})$") {
    return 200 "$certfleet_token.${thumbprint}";
}
`,
  haproxy: (hosts, thumbprint) =>
    `http-request return status 200 content-type text/plain lf-string "%[path,field(4,/)].${thumbprint}" if { req.fhdr(host) -m reg -i '^(${hosts})(:[0-9]{1,5})?$' } { pathq -m reg '^${path}${token}$' }
`,
};

/** Returns the hosts of requests for these identifiers as parts of regular expressions, none of them too long. */
function inGroups(identifiers: readonly Identifier[]): readonly string[] {
  const groups: string[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const identifier of identifiers) {
    const name = baseName(identifier);
    const host = (name.includes(':') ? `[${name}]` : name).replaceAll(/[.[\]]/g, '\\$&');
    if (length + host.length > mostOfNames) {
      groups.push([]);
      length = 0;
    }
    groups.at(-1)?.push(host);
    length += host.length + 1;
  }
  return groups.map((hosts) => hosts.join('|'));
}
