import type { Language } from '../core/errors/wording.ts';
import { en } from './text/en.ts';
import type { Text } from './text/text.ts';
import { zh } from './text/zh.ts';
import { createTimes, type Times } from './times.ts';

export const texts: Readonly<Record<Language, Text>> = { en, zh };

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

/** For whom a page is made. Everything that a page shows follows from this and the data. */
export interface Reader {
  readonly text: Text;
  readonly language: Language;
  readonly times: Times;
  readonly theme: Theme;
  /** Undefined before the login. */
  readonly who?: { readonly name: string; readonly role: 'viewer' | 'operator' | 'admin'; readonly isSocket: boolean };
  /** Whether the reader may renew, deliver, pause and resume, roll back, and revoke. */
  readonly mayAct: boolean;
  /** Each form sends it. */
  readonly csrf: string;
  /** The page's own path and query. */
  readonly here: string;
  /** The last change that the page has: `<life>.<number>`. */
  readonly sequence?: string;
}

export const createReader = (
  { language, zone, now }: { readonly language: Language; readonly zone: string | undefined; readonly now: Date },
  rest: Omit<Reader, 'text' | 'language' | 'times'>,
): Reader => ({ text: texts[language], language, times: createTimes({ language, zone, now }), ...rest });
