/**
 * One error of the table. {@link import('./errors.ts').fail} fills in the `{placeholders}`, and the compiler checks
 * their names; a hint's `{certificate}` is filled in where the error is caught. The scheduler reads only `retry`:
 *
 * - `never`: another try fails in the same way until the certificate's settings change or a person acts. It is still
 *   tried once a day, so no certificate is ever given up;
 * - `later`: try again with back-off. This includes problems that a person can fix without certfleet noticing, such as
 *   a DNS record or a file;
 * - `at`: the response said when to try again (`retryAt` on the error).
 */
export type Blame = 'config' | 'provider' | 'ca' | 'network' | 'bug';
export type Retry = 'never' | 'later' | 'at';

export interface ErrorEntry {
  readonly message: string;
  readonly blame: Blame;
  readonly retry: Retry;
  readonly hint: string;
}
