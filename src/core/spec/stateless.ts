import { baseName, type Identifier } from '../names/identifier.ts';
import type { StoredSpec } from './spec.ts';
import { type PartSpec, partsOf } from './spec-parts.ts';
import { isStateless } from './traits.ts';

/** The parts of a certificate whose challenges proxies answer themselves, from the thumbprint of its account. */
export const statelessParts = (spec: StoredSpec): readonly PartSpec[] =>
  partsOf(spec).filter(({ solver }) => isStateless(solver.settings));

/** The proxies for which there are snippets. */
export const statelessProxies = ['nginx', 'haproxy'] as const;

export type StatelessProxy = (typeof statelessProxies)[number];

/** What a proxy answers without asking anyone: the key authorizations of an account, for some names. */
export interface StatelessAnswer {
  /** Of the account's key (RFC 7638): the second half of every key authorization (RFC 8555 §8.1). */
  readonly thumbprint: string;
  readonly identifiers: readonly Identifier[];
  /** The key is the one that the account gets with the rollover that has begun. */
  readonly isNext?: true;
}

/** One segment that may be a token: CAs have 22 characters (128 bits) and more. Nothing else may be in the answer. */
const path = '/\\.well-known/acme-challenge/';
const token = '[A-Za-z0-9_-]{22,128}';
/** A word of nginx has at most 4,096 characters, and a line of older HAProxys 2,048. */
const mostOfNames = 1_200;

/**
 * Configuration with which a proxy answers HTTP-01 challenges itself. It answers only for these names, and only exactly
 * the path of a challenge; all other requests go their usual way.
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

/** The hosts of requests for these identifiers, as parts of regular expressions that are not too long. */
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
