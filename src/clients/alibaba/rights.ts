import type { Right } from '../../core/request-path/rights.ts';
import { type Try as AnyTry, rightsOf as rightsOfService, type TriedService } from '../http/rights.ts';

export { sure, unsure, untried } from '../http/rights.ts';

/** Parameters without secrets. */
export type PlainParams = Readonly<
  Record<string, string | number | boolean | readonly (string | Readonly<Record<string, string>>)[] | undefined>
>;

export type Try = AnyTry<PlainParams>;

/**
 * Each call is malformed besides, because RAM refuses first.
 *
 * @param ram the service's name in policies: `slb`
 */
export const rightsOf = (
  { read }: Pick<TriedService<PlainParams>, 'read'>,
  ram: string,
  tries: readonly Try[],
  signal: AbortSignal,
): Promise<readonly Right[]> =>
  rightsOfService({ read, name: ram, isDenial: (code) => /^(Forbidden|NoPermission)/.test(code) }, tries, signal);
