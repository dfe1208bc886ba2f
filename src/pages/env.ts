import type { Language } from '../core/errors/wording.ts';

/** What the gate puts into the context of each request. */
export interface Env {
  readonly Variables: {
    readonly who: {
      readonly name: string;
      readonly role: 'viewer' | 'operator' | 'admin';
      readonly via: 'login' | 'token' | 'socket';
    };
    readonly csrf: string;
    readonly language: Language;
  };
}
