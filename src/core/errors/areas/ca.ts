import type { ErrorEntry } from '../error-entry.ts';

/** The CA: exit 4. */
export const ca = {
  'acme/directory-unreachable': {
    message: 'the directory {url} cannot be reached: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the URL, the network and the proxy settings. If the CA is private, give its root certificate with --ca-file or `caFile` on the issuer.',
  },
  'acme/certificate-dates': {
    message: 'the directory {url} cannot be trusted: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'If this machine’s clock is wrong, set it (NTP). Otherwise the CA’s own HTTPS certificate is expired or not valid yet.',
  },
  'acme/not-a-directory': {
    message: '{url} is not an ACME directory: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check the issuer’s directory URL.',
  },
  'acme/clock-skew': {
    message: 'this machine’s clock differs from the CA’s ({url}) by {span}',
    blame: 'config',
    retry: 'later',
    hint: 'Set this machine’s clock (NTP). Certificates and renewal times depend on it.',
  },
  'acme/no-account': {
    message: 'the store has no account at {issuer} that could ask for this',
    blame: 'config',
    retry: 'never',
    hint: 'Sign with the key of the certificate itself: --with certificate-key, or --key-path FILE for a certificate that is not in the store.',
  },
  'acme/problem': {
    message: '{issuer} refused {what}: {detail}',
    blame: 'ca',
    retry: 'later',
    hint: '{advice}',
  },
  'acme/rate-limited': {
    message: '{issuer} refused {what} because of a rate limit: {detail}',
    blame: 'ca',
    retry: 'at',
    hint: 'Wait until the CA allows it. See https://letsencrypt.org/docs/rate-limits/.',
  },
  'acme/account-deactivated': {
    message: 'the account {account} at {issuer} is deactivated and cannot be reactivated (RFC 8555 §7.3.6)',
    blame: 'config',
    retry: 'never',
    hint: 'First change any CAA records that name this account. Then run `certfleet issue {certificate} --new-account` to open a new one for all certificates from {issuer}. With `newAccount: true` on the issuer, `renew` opens one by itself.',
  },
  'acme/open-order': {
    message:
      '{detail}; renewals such as {certificate} are exempt from this limit, but {issuer} does not accept this one, because an earlier order for it is still open, and its URL was lost in a crash',
    blame: 'ca',
    retry: 'at',
    hint: 'There is nothing to do: certfleet tries again every hour, and succeeds once {issuer} has dropped the earlier order.',
  },
  'acme/paused': {
    message: '{issuer} has paused this account for one of the names: {detail}',
    blame: 'config',
    retry: 'never',
    hint: 'Open the page named above and end the pause. Then run `certfleet issue {certificate}`, or wait: `renew` tries again within a day.',
  },
  'acme/busy': {
    message: '{issuer} answered {status} to {what}',
    blame: 'ca',
    retry: 'later',
    hint: 'The CA is overloaded or down.',
  },
  'acme/unreachable': {
    message: '{issuer} did not answer {what}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the network. The order is kept, and the next try continues it.',
  },
  'acme/malformed-answer': {
    message: '{issuer} answered {what} in a way that RFC 8555 does not allow: {reason}',
    blame: 'ca',
    retry: 'later',
    hint: 'Report it to the CA, unless a proxy in between changed the answer.',
  },
  'acme/invalid-authorization': {
    message: '{issuer} could not validate {identifier} over {challenge}: {detail}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'acme/invalid-order': {
    message: '{issuer} made the order for {certificate} invalid: {detail}',
    blame: 'ca',
    retry: 'later',
    hint: 'The next try begins a new order.',
  },
  'acme/profile-refused': {
    message: 'the issuer {issuer} does not offer the profile "{profile}" any more: {detail}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another one with --profile, or with `profile` in certfleet.yaml{others}, or leave it out; the next run then orders anew, with the same private key. Until then it asks for this profile once a day, and the previous certificate stays in use.',
  },
  'acme/no-usable-challenge': {
    message: '{issuer} offers {offered} for {identifier}, but {solver} answers {answers}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another solver for this certificate.',
  },
  'acme/wrong-certificate': {
    message: '{issuer} returned a certificate that is not what was ordered: {reason}',
    blame: 'ca',
    retry: 'later',
    hint: 'Nothing was stored or deployed, and the private key is kept. Report it to the CA.',
  },
  'acme/timeout': {
    message: '{issuer} did not finish {what} within {seconds} s',
    blame: 'ca',
    retry: 'later',
    hint: 'The order is kept, and the next try continues it.',
  },
  'acme/hold': {
    message: '{issuer} asked us to wait until {until} before ordering {certificate} (Retry-After)',
    blame: 'ca',
    retry: 'at',
    hint: 'Wait until then. `--force` does not override the CA.',
  },
  'acme/external-account-required': {
    message: '{issuer} opens accounts only for its own customers (external account binding, EAB)',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'acme/external-account-refused': {
    message: '{issuer} did not open an account with the EAB key id {kid}: {detail}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'acme/no-caa-identity': {
    message: '{issuer} does not say in its directory which name it uses in CAA records',
    blame: 'ca',
    retry: 'never',
    hint: 'Look for the name in the documentation of the CA.',
  },
  'acme/cannot': {
    message: '{issuer} cannot {what}: its directory offers nothing for that',
    blame: 'ca',
    retry: 'never',
    hint: 'Ask the CA how to do it, perhaps in its web console.',
  },
  'acme/down': {
    message: '{issuer} accepts no orders at the moment, so none was sent',
    blame: 'ca',
    retry: 'later',
    hint: 'An order for another certificate failed in this run; see its error. The next run tries one certificate first.',
  },
} as const satisfies Record<string, ErrorEntry>;
