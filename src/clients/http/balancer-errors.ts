import { type CertfleetError, fail, isFailure } from '../../core/errors/errors.ts';
import type { Trouble } from './json-api.ts';

/** A failed call, with the meaning of its code. */
export interface BalancerTrouble extends Trouble {
  /** Whether something does not exist, or a quota is exceeded. */
  readonly means?: 'not-found' | 'quota' | undefined;
  /** What does not exist or exceeds its quota, in words. */
  readonly about?: string | undefined;
  /** What to do about something that does not exist, if it is neither the load balancer nor the listener. */
  readonly hint?: string | undefined;
}

/** Returns the error for a list that cannot be read completely, for `readPages`. */
export const badList =
  (balancer: string, action: string) =>
  (reason: string): CertfleetError =>
    fail('balancer/failed', { balancer, action, reason });

/** Makes the errors of a load balancer's API, for `createJsonApi`. Each ends with the API's request ID. */
export function balancerError(balancer: string, trouble: BalancerTrouble): CertfleetError {
  const { kind, what: action, cause, means, about, advice } = trouble;
  const id = trouble.requestId === undefined ? '' : ` (request ${trouble.requestId})`;
  const code = trouble.code !== undefined && !trouble.reason.includes(trouble.code) ? `${trouble.code}: ` : '';
  const reason = `${code}${trouble.reason.replace(/\.$/, '')}${id}`;
  const options = { cause, retryAt: trouble.retryAt };
  if (kind === 'unreachable') return fail('balancer/unreachable', { balancer, action, reason }, options);
  if (kind === 'failed') return fail('balancer/failed', { balancer, action, reason }, options);
  if (kind === 'limited') return fail('balancer/limited', { balancer, action, reason }, options);
  if (kind === 'busy') {
    const seconds = Math.round(trouble.waitedMs / 1000);
    return fail('balancer/busy', { balancer, action, seconds, reason }, options);
  }
  if (means === 'not-found')
    return fail(
      'balancer/not-found',
      { balancer, what: about ?? `what ${action} needs`, reason },
      { ...options, hint: trouble.hint },
    );
  if (means === 'quota')
    return fail('balancer/quota', { balancer, what: about ?? `what ${action} adds`, reason }, options);
  return fail(
    'balancer/refused',
    {
      balancer,
      action,
      reason,
      advice: advice ?? 'Check the settings of this balancer, its credentials and their permissions.',
    },
    options,
  );
}

/** Adds advice to a refusal's message, because a deployer's error has no other place for it. */
export function withAdvice(error: unknown): unknown {
  if (!isFailure(error, 'balancer/refused')) return error;
  const advice = error.hint.replace(/^Nothing was changed\. /, '');
  return new Error(`${error.message}. ${advice}`, { cause: error });
}

/** Runs a step, with the advice in the message of a refusal. */
export const advising = <T>(step: () => Promise<T>): Promise<T> =>
  step().catch((error: unknown) => {
    throw withAdvice(error);
  });
