import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import type { World } from '../../ports/world.ts';
import { createJsonApi, type JsonApi, type JsonApiOptions, type Trouble } from './json-api.ts';

export interface DnsApiOptions
  extends Pick<JsonApiOptions, 'judge' | 'parse' | 'charset' | 'limitBudgetMs' | 'busyBudgetMs' | 'http' | 'secrets'> {
  readonly world: World;
  /** The provider's title, for messages: `Cloudflare`. */
  readonly provider: string;
  /**
   * What to do if a call is refused and the verdict has no advice of its own. Names the option, and may depend on the
   * status and the API's code.
   */
  readonly advice: string | ((status: number | undefined, code: string | undefined) => string);
  /** The option `endpoint`, if given. */
  readonly endpoint?: string | undefined;
}

/** Adds advice about `endpoint`, because a wrong address may cause a 404 as well. */
const withEndpoint = (advice: string, status: number | undefined, endpoint: string | undefined): string =>
  status === 404 && endpoint !== undefined ? `${advice} Or check \`endpoint\`: it may lack the API’s path.` : advice;

/**
 * Creates a client for a DNS provider's API, like `createJsonApi`, with the port's errors. `about` of a call is the
 * record.
 */
export const createDnsApi = ({ world, provider, advice, endpoint, ...options }: DnsApiOptions): JsonApi =>
  createJsonApi({
    ...options,
    clock: world.clock,
    random: world.random,
    log: world.log,
    name: provider,
    error: (trouble) =>
      dnsError(provider, {
        ...trouble,
        advice: withEndpoint(
          trouble.advice ?? (typeof advice === 'string' ? advice : advice(trouble.status, trouble.code)),
          trouble.status,
          endpoint,
        ),
      }),
  });

/** Returns the error for a list that cannot be read completely, for `readPages`. */
export const badList =
  (provider: string, name: string) =>
  (reason: string): CertfleetError =>
    fail('dns/failed', { provider, name, reason });

/** Makes the errors of a DNS provider's API, for `createJsonApi`. */
export function dnsError(provider: string, trouble: Trouble): CertfleetError {
  const { kind, what, about, cause } = trouble;
  const code = trouble.code !== undefined && !trouble.reason.includes(trouble.code) ? `${trouble.code}: ` : '';
  const id = trouble.requestId === undefined ? '' : ` (request ${trouble.requestId})`;
  const reason = `${code}${trouble.reason.replace(/\.$/, '')}${id}`;
  const options = { cause, retryAt: trouble.retryAt };
  const name = about ?? what;
  if (kind === 'refused' && trouble.isClockSkew) return fail('dns/clock-skew', { provider, name, reason }, options);
  switch (kind) {
    case 'unreachable':
      return fail('dns/unreachable', { provider, reason }, options);
    case 'refused':
      return fail('dns/refused', { provider, name, reason, advice: trouble.advice ?? '' }, options);
    case 'limited':
      return fail('dns/limited', { provider, reason }, options);
    default:
      return fail('dns/failed', { provider, name, reason }, options);
  }
}
