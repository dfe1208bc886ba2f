import type { AlarmNews } from '../core/alarm/alarm.ts';

/** Sends alarms to people. */
export interface Notifier {
  /** `email`, `slack`… */
  readonly type: string;
  /**
   * Sends one message, and resolves once the service has accepted it.
   *
   * - MUST fail with `notify/…` if the service did not, or if that is unknown. No error contains a secret; the address of
   *   a webhook is one.
   * - MUST obey the signal, also while it waits for a limit.
   * - MUST NOT send the message again if the service may have accepted it: the caller decides that.
   * - A text in the news MUST NOT become markup, a mention or a link, and MUST be cut to what the service accepts.
   */
  send(news: AlarmNews, signal: AbortSignal): Promise<void>;
  /** Closes what it holds open. */
  close?(): Promise<void>;
}
