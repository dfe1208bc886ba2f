import { inLanguage, type Language, type Said, say } from '../errors/wording.ts';
import type { Alarm } from './alarm.ts';

/** Stands for the words of the failure while the sentence around them is translated. */
const gap = '\ue000';

/** Says in a language what an alarm is about and what to do. */
export function sayAlarm(
  { message, hint, failure }: Pick<Alarm, 'message' | 'hint' | 'failure'>,
  language: Language,
): Said {
  if (language === 'en') return { message, hint };
  const [english, own] = [failure && say(failure, 'en'), failure && say(failure, language)];
  const isWhole = english !== undefined && english.message !== '' && message.endsWith(english.message);
  const around = isWhole ? `${message.slice(0, -english.message.length)}${gap}` : message;
  return {
    message: inLanguage(around, language).replace(gap, () => own?.message ?? ''),
    hint: own && hint === english?.hint ? own.hint : inLanguage(hint, language),
  };
}
