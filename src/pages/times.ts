import type { Language } from '../core/errors/wording.ts';

/** Times as a reader understands them: in words of the language, in the browser's time zone. */
export interface Times {
  readonly zone: string;
  readonly now: Date;
  /** `29 Dec 2026, 14:05`. */
  exact(at: string): string;
  /** `29 Dec 2026`. */
  day(at: string): string;
  /** `29 Dec`, of a date of UTC. */
  utcDay(date: string): string;
  isPast(at: string): boolean;
  /** `in 12 days`, `5 minutes ago`. */
  distance(at: string): string;
}

const locales = { en: 'en-GB', zh: 'zh-CN' } as const satisfies Record<Language, string>;
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

export function createTimes({
  language,
  zone = 'UTC',
  now,
}: {
  readonly language: Language;
  readonly zone: string | undefined;
  readonly now: Date;
}): Times {
  const known = isZone(zone) ? zone : 'UTC';
  const locale = locales[language];
  const exact = formatter(locale, known, 'exact');
  const day = formatter(locale, known, 'day');
  const utcDay = formatter(locale, 'UTC', 'short');
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  return {
    zone: known,
    now,
    exact: (at) => format(exact, at),
    day: (at) => format(day, at),
    utcDay: (date) => format(utcDay, date),
    isPast: (at) => Date.parse(at) <= now.getTime(),
    distance: (at) => {
      const ms = Date.parse(at) - now.getTime();
      if (Number.isNaN(ms)) return at;
      const far = Math.abs(ms);
      if (far < minuteMs) return relative.format(Math.trunc(ms / 1000), 'second');
      if (far < hourMs) return relative.format(Math.trunc(ms / minuteMs), 'minute');
      if (far < 2 * dayMs) return relative.format(Math.trunc(ms / hourMs), 'hour');
      return relative.format(Math.trunc(ms / dayMs), 'day');
    },
  };
}

/** Documents may have any text in place of a time. */
const format = (formatter: Intl.DateTimeFormat, at: string): string =>
  Number.isNaN(Date.parse(at)) ? at : formatter.format(new Date(at));

const forms = {
  exact: { dateStyle: 'medium', timeStyle: 'short' },
  day: { dateStyle: 'medium' },
  short: { day: 'numeric', month: 'short' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

const known = new Map<string, Intl.DateTimeFormat>();
/** As many as there are zones, forms and languages would be much, and readers are in a few. */
const mostKnown = 60;

/** Making one takes longer than a page. */
function formatter(locale: string, timeZone: string, form: keyof typeof forms): Intl.DateTimeFormat {
  const key = `${locale} ${timeZone} ${form}`;
  const found = known.get(key);
  if (found) return found;
  if (known.size >= mostKnown) known.clear();
  const made = new Intl.DateTimeFormat(locale, { ...forms[form], timeZone });
  known.set(key, made);
  return made;
}

function isZone(zone: string): boolean {
  if (!/^[A-Za-z][\w+/-]{1,60}$/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
