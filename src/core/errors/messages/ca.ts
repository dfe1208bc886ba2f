import type { ErrorEntry } from '../error-entry.ts';

/** The CA: exit 4. */
export const ca = {
  'acme/directory-unreachable': {
    message: 'the directory {url} cannot be reached: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the URL, the network and the proxy settings. If the CA is private, give its root certificate with --ca-file, or as `caFile` on the issuer in certfleet.yaml.',
  },
  'acme/certificate-dates': {
    message: 'the directory {url} cannot be trusted: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'If this machine’s clock is wrong, set it (NTP). Otherwise, the CA’s own HTTPS certificate has expired or is not valid yet.',
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
    message: 'the store has no account at {issuer} that could sign this revocation',
    blame: 'config',
    retry: 'never',
    hint: 'Sign with the certificate’s own key: use --with certificate-key, or --key-path FILE for a certificate that is not in the store.',
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
    hint: 'Wait until the limit resets. See https://letsencrypt.org/docs/rate-limits/.',
  },
  'acme/limited': {
    message: 'rate limited until {until} ({quota})',
    blame: 'ca',
    retry: 'at',
    hint: '{issuer} would refuse the order before. `certfleet limits` shows what is left.',
  },
  'acme/limited-too-long': {
    message: 'rate limited until {until} ({quota}), but the certificate expires on {notAfter}',
    blame: 'ca',
    retry: 'at',
    hint: 'certfleet asks {issuer} once a day before that, too. Ask {issuer} for a higher limit and set `limits` of the issuer, or order it from another CA.',
  },
  'acme/account-deactivated': {
    message: 'the account {account} at {issuer} is deactivated and cannot be reactivated (RFC 8555 §7.3.6)',
    blame: 'config',
    retry: 'never',
    hint: 'First change any CAA records that name this account. Then run `certfleet issue {certificate} --new-account` to open a new one for all certificates from {issuer}. With `newAccount: true` on the issuer, `renew` opens one automatically.',
  },
  'acme/open-order': {
    message:
      '{detail}; renewals such as {certificate} are exempt from this limit, but {issuer} rejects this one because an earlier order for it, whose URL was lost in a crash, is still open',
    blame: 'ca',
    retry: 'at',
    hint: 'No action is needed: certfleet tries again by itself, and succeeds once {issuer} has dropped the earlier order or the limit resets.',
  },
  'acme/paused': {
    message: '{issuer} has paused this account for one of the names: {detail}',
    blame: 'config',
    retry: 'never',
    hint: 'Open the page named above and unpause the account. Then run `certfleet issue {certificate}`, or wait: `renew` tries again within a day.',
  },
  'acme/busy': {
    message: '{issuer} returned {status} for {what}',
    blame: 'ca',
    retry: 'later',
    hint: 'The CA is overloaded or down.',
  },
  'acme/unreachable': {
    message: '{issuer} did not answer {what}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the network. The order is kept, and the next attempt continues it.',
  },
  'acme/malformed-answer': {
    message: '{issuer} sent a response to {what} that violates RFC 8555: {reason}',
    blame: 'ca',
    retry: 'later',
    hint: 'Report it to the CA, unless a proxy in between changed the response.',
  },
  'acme/invalid-authorization': {
    message: '{issuer} could not validate {identifier} over {challenge}: {detail}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'acme/invalid-order': {
    message: '{issuer} marked the order for {certificate} as invalid: {detail}',
    blame: 'ca',
    retry: 'later',
    hint: 'The next attempt starts a new order.',
  },
  'acme/profile-refused': {
    message: 'the issuer {issuer} no longer offers the profile "{profile}": {detail}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another profile{others} with --profile or with `profile` in certfleet.yaml, or remove the setting. The next run then sends a new order with the same private key. As long as the setting stays, certfleet requests this profile once a day. Any existing certificate stays in use.',
  },
  'acme/no-usable-challenge': {
    message: '{issuer} offers {offered} for {identifier}, but the solver {solver} answers only {answers}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another solver for this certificate.',
  },
  'acme/wrong-certificate': {
    message: '{issuer} returned a certificate that does not match the order: {reason}',
    blame: 'ca',
    retry: 'later',
    hint: 'Nothing was stored or deployed, and the private key is kept. Report it to the CA.',
  },
  'acme/timeout': {
    message: '{issuer} did not finish {what} within {seconds} s',
    blame: 'ca',
    retry: 'later',
    hint: 'The order is kept, and the next attempt continues it.',
  },
  'acme/hold': {
    message: '{issuer} asked certfleet to wait until {until} before ordering {certificate} (Retry-After)',
    blame: 'ca',
    retry: 'at',
    hint: 'Wait until then. `--force` does not override this wait.',
  },
  'acme/external-account-required': {
    message: '{issuer} opens accounts only for its own customers (external account binding, EAB)',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'acme/external-account-refused': {
    message: '{issuer} did not open an account with the EAB key ID {kid}: {detail}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'acme/no-caa-identity': {
    message: 'the directory of {issuer} does not say which name the CA uses in CAA records',
    blame: 'ca',
    retry: 'never',
    hint: 'Look up the name in the CA’s documentation.',
  },
  'acme/cannot': {
    message: '{issuer} cannot {what}: its directory lists no URL for this request',
    blame: 'ca',
    retry: 'never',
    hint: 'Ask the CA how to do this. Its web console may offer it.',
  },
  'acme/down': {
    message: '{issuer} is not accepting orders at the moment, so no order was sent',
    blame: 'ca',
    retry: 'later',
    hint: 'The order for another certificate failed in this run; see its error for the cause. The next run tries one certificate first.',
  },
} as const satisfies Record<string, ErrorEntry>;
