import type { Who } from '../core/access/role.ts';
import type { Language } from '../core/errors/wording.ts';

/** What every handler of a page or a route of the API finds in its context (hono's `Env`). */
export interface Env {
  readonly Variables: {
    readonly who: Who;
    /** Each form that changes something has it in the field `csrf`; scripts send it as `X-CSRF-Token`. */
    readonly csrf: string;
    readonly language: Language;
    /** The address of the client. */
    readonly from: string;
    /** Reports whether the login or the token is still valid, with the same role. To ask is no use of the login. */
    readonly isStill: () => Promise<boolean>;
    /** Set by what refuses someone because of their role or scope before anything has begun, so that it is written down. */
    readonly isRefused?: true;
  };
}
