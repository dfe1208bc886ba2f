import type { StoredError } from '../errors/wording.ts';

/** What an alarm is about. */
export type AlarmKind =
  | 'failing'
  | 'expiring'
  | 'target'
  | 'endpoint'
  | 'paused'
  | 'ca-incident'
  | 'limited'
  | 'configuration'
  | 'node-missing'
  | 'store';

/** Something that a person must know of. */
export interface Alarm {
  /** Stable for as long as the cause lasts: made of kind, certificate, target and the like. */
  readonly key: string;
  readonly kind: AlarmKind;
  /** The lineage that it concerns. */
  readonly certificate?: string;
  /** The node that it concerns. */
  readonly node?: string;
  /** One sentence for a person. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
  /** When it began. RFC 3339. */
  readonly since: string;
  /** The error's code, for `certfleet explain`. */
  readonly code?: string;
  /** The failure that the message tells, for other languages. */
  readonly failure?: StoredError;
  /** A page that a person should open: where the CA ends a pause, or describes its incident. */
  readonly url?: string;
}

/** What has become of an alarm since the last message. */
export type AlarmChange = 'opened' | 'repeated' | 'resolved';

/** Alarms of one kind that are too many to be listed. */
export interface MoreAlarms {
  readonly kind: AlarmKind;
  readonly change: AlarmChange;
  readonly count: number;
  /** Some of the certificates that they concern. */
  readonly certificates: readonly string[];
}

/** The content of one message. */
export interface AlarmNews {
  /** The node that sends it. */
  readonly node: string;
  /** When it was made. RFC 3339. */
  readonly at: string;
  readonly opened: readonly Alarm[];
  readonly repeated: readonly Alarm[];
  readonly resolved: readonly Alarm[];
  /** What is not listed one by one. */
  readonly more: readonly MoreAlarms[];
  /** A test of the notifier, without any alarm. */
  readonly isTest?: true;
}
