import { remoteText } from '../errors/remote-text.ts';
import { present } from '../text/present.ts';
import type { Wait } from './failure.ts';

/** A person’s wish that nothing is done for a certificate until it is resumed. */
export interface Pause {
  /** RFC 3339. */
  readonly at: string;
  /** Who has paused it, as far as that is known. */
  readonly by: string;
  readonly reason?: string | undefined;
}

/** The longest reason that is stored. */
export const longestReason = 200;

/** Who pauses, and why: fit to be shown and stored. */
export const pauseOf = (by: string, reason: string | undefined, now: Date): Pause => ({
  at: now.toISOString(),
  by: remoteText(by, longestReason),
  ...present({ reason: remoteText(reason ?? '', longestReason) || undefined }),
});

export const pauseText = ({ at, by, reason }: Pause): string =>
  `paused by ${by} since ${at}${reason === undefined ? '' : ` (${reason})`}`;

/** A pause has no known end. */
export const waitOfPause = (pause: Pause, now: Date): Wait => ({
  until: now.toISOString(),
  why: 'paused',
  reason: pauseText(pause),
  isFailing: false,
});
