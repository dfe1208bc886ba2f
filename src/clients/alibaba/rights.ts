import { isFailure } from '../../core/errors/errors.ts';
import type { Right } from '../../core/request-path/rights.ts';
import type { Fields } from '../../core/text/json.ts';
import { refusalOf } from '../http/json-api.ts';

// Finds out what a key may do. Each call either only reads, or names nothing that exists and is malformed besides, so it
// is refused in any case. RAM refuses first, and with a code of its own.

/** Parameters without secrets. */
export type PlainParams = Readonly<
  Record<string, string | number | boolean | readonly (string | Readonly<Record<string, string>>)[] | undefined>
>;

/** A call that shows whether a key has a right. */
export interface Try {
  readonly action: string;
  /** Undefined if no such call is certainly harmless. */
  readonly params: PlainParams | undefined;
  /** Whether the call names the resource that is configured, so that a policy for this one must allow it. */
  readonly isSure: boolean;
}

export const sure = (action: string, params: PlainParams): Try => ({ action, params, isSure: true });
export const unsure = (action: string, params: PlainParams): Try => ({ action, params, isSure: false });
export const untried = (action: string): Try => ({ action, params: undefined, isSure: false });

/** A service whose rights are tried. */
interface Service {
  read<T>(action: string, params: PlainParams, parse: (answer: Fields) => T, signal: AbortSignal): Promise<T>;
}

/** @param ram the service's name in policies: `slb` */
export const rightsOf = (
  service: Service,
  ram: string,
  tries: readonly Try[],
  signal: AbortSignal,
): Promise<readonly Right[]> => Promise.all(tries.map((one) => rightOf(service, ram, one, signal)));

async function rightOf(
  service: Service,
  ram: string,
  { action, params, isSure }: Try,
  signal: AbortSignal,
): Promise<Right> {
  const name = `${ram}:${action}`;
  if (params === undefined) return { action: name, state: 'untried' };
  try {
    await service.read(action, params, () => undefined, signal);
    return { action: name, state: 'allowed' };
  } catch (error) {
    signal.throwIfAborted();
    const code = refusalOf(error)?.code;
    if (code === undefined || !isFailure(error, 'balancer/refused', 'balancer/not-found', 'balancer/quota'))
      throw error;
    if (!/^(Forbidden|NoPermission)/.test(code)) return { action: name, state: 'allowed' };
    return { action: name, state: isSure ? 'denied' : 'doubtful', reason: code };
  }
}
