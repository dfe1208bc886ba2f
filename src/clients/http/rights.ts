import { isFailure } from '../../core/errors/errors.ts';
import type { Right } from '../../core/request-path/rights.ts';
import type { Fields } from '../../core/text/json.ts';
import { refusalOf } from './json-api.ts';

// Finds out what a key may do. Each call either only reads, or names nothing that exists, so it is refused in any case.
// A cloud refuses a missing right first, and with a code of its own.

/** A call that shows whether a key has a right. */
export interface Try<Params> {
  readonly action: string;
  /** Undefined if no such call is certainly harmless. */
  readonly params: Params | undefined;
  /** Whether the call names the resource that is configured, so that a policy for this one must allow it. */
  readonly isSure: boolean;
}

export const sure = <Params>(action: string, params: Params): Try<Params> => ({ action, params, isSure: true });
export const unsure = <Params>(action: string, params: Params): Try<Params> => ({ action, params, isSure: false });
export const untried = (action: string): Try<never> => ({ action, params: undefined, isSure: false });

/** A service whose rights are tried. */
export interface TriedService<Params> {
  read<T>(action: string, params: Params, parse: (answer: Fields) => T, signal: AbortSignal): Promise<T>;
  /** The service's name in policies: `slb`. */
  readonly name: string;
  /** Reports whether a code means that a right is missing. */
  isDenial(code: string): boolean;
}

export const rightsOf = <Params>(
  service: TriedService<Params>,
  tries: readonly Try<Params>[],
  signal: AbortSignal,
): Promise<readonly Right[]> => Promise.all(tries.map((one) => rightOf(service, one, signal)));

async function rightOf<Params>(
  service: TriedService<Params>,
  { action, params, isSure }: Try<Params>,
  signal: AbortSignal,
): Promise<Right> {
  const name = `${service.name}:${action}`;
  if (params === undefined) return { action: name, state: 'untried' };
  try {
    await service.read(action, params, () => undefined, signal);
    return { action: name, state: 'allowed' };
  } catch (error) {
    signal.throwIfAborted();
    const code = refusalOf(error)?.code;
    if (code === undefined || !isFailure(error, 'balancer/refused', 'balancer/not-found', 'balancer/quota'))
      throw error;
    if (!service.isDenial(code)) return { action: name, state: 'allowed' };
    return { action: name, state: isSure ? 'denied' : 'doubtful', reason: code };
  }
}
