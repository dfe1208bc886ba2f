import type { Json } from '../text/json.ts';
import type { AdapterSettings } from './spec.ts';

/**
 * Marks an adapter whose options are literal: none comes from the environment or a file, because whoever declared it
 * outside the file may not know what is there. The mark goes wherever the settings go.
 */
const mark = 'asWritten';

export const markAsWritten = (settings: AdapterSettings): AdapterSettings => ({ ...settings, [mark]: true });

export const isAsWritten = (settings: AdapterSettings): boolean => settings[mark] === true;

/** Reports whether a key of an adapter’s settings is none of its options. */
export const isReserved = (key: string): boolean => key === 'type' || key === mark;

/** Returns the options of an adapter alone. */
export const optionsOf = (settings: AdapterSettings): Readonly<Record<string, Json>> =>
  Object.fromEntries(Object.entries(settings).filter(([key]) => !isReserved(key)));
