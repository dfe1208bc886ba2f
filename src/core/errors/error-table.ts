import { homepage } from './version.ts';

/**
 * Every error that certfleet reports, in one table.
 *
 * {@link import('./errors.ts').fail} fills the `{placeholders}`, and the compiler checks their names; a hint's
 * `{certificate}` is filled in where the error is caught. The area before the slash decides the exit code
 * (`exitCodes`). The scheduler reads only `retry`:
 *
 * - `never`: trying again fails in the same way until the certificate's settings change or a person acts. It is still
 *   tried once a day, so no certificate is ever given up;
 * - `later`: try again with back-off. This includes what a person can fix without certfleet noticing, such as a DNS
 *   record or a file;
 * - `at`: the answer said when to try again (`retryAt` on the error).
 */
export type Blame = 'config' | 'provider' | 'ca' | 'network' | 'bug';
export type Retry = 'never' | 'later' | 'at';

export interface ErrorEntry {
  readonly message: string;
  readonly blame: Blame;
  readonly retry: Retry;
  readonly hint: string;
}

export const errorTable = {
  // ── usage and configuration: exit 2 ──────────────────────────────────────────────────────────────────────────
  'usage/invalid': { message: '{what}', blame: 'config', retry: 'never', hint: 'See `certfleet --help`.' },
  'usage/not-confirmed': {
    message: '{what} was not confirmed; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Run it again and answer `y` to confirm. Without a terminal, certfleet does not ask.',
  },
  'config/unreadable': {
    message: 'the configuration {file} cannot be read: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Name another file with --config, or start from the output of `certfleet config example`.',
  },
  'config/untrusted': {
    message:
      'the configuration {file} is refused, because it names commands that certfleet runs as this user: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Check what is in it, then {remedy}, or name it with --config if it is meant to be so.',
  },
  'config/untrusted-code': {
    message: '{path} is refused, because certfleet runs it as this user: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check what is in it, then {remedy}.',
  },
  'config/timer-not-started': {
    message: 'the files are in place, but `{command}` failed: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Find out why, then run `certfleet install-timer` again, with --cron if systemd does not run here.',
  },
  'config/invalid': {
    message: '{file}: {problem}',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet config check` lists every problem with its line.',
  },
  'config/credential-missing': {
    message: '{what} is missing {credential}',
    blame: 'config',
    retry: 'later',
    hint: 'Set the environment variable, or write `file:/path` (mode 0600) in the configuration. For a DNS provider on the command line, use --dns-option KEY=VALUE, or KEY=file:/path for a secret.',
  },
  'config/eab-key-missing': {
    message: 'the account at {issuer} cannot be opened: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Set the environment variable to the HMAC key that the CA gave you with the key id, or name a file (mode 0600) that has it: --eab-hmac-key file:/path, or `hmacKey: file:/path` in the configuration.',
  },
  'config/secret-unreadable': {
    message: 'the secret file {file} cannot be read: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check the path, and that this user may read the file.',
  },
  'config/credentials-unusable': {
    message: 'the credentials file {file} of {what} cannot be used: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'config/no-metadata': {
    message: '{what} needs {fact}, and {source} did not give it: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'config/ca-file-unusable': {
    message: 'the CA file {file} cannot be used: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Give a PEM file with the root certificates of the private CA, with --ca-file FILE or `caFile` on the issuer. They are trusted besides the public ones; with --only-this-ca or `onlyThisCa`, alone.',
  },
  'config/unknown-reference': {
    message: '{where} names the {kind} "{name}", which is not declared{nearest}',
    blame: 'config',
    retry: 'never',
    hint: 'Declare it in the configuration, or correct the name.',
  },
  'config/unknown-type': {
    message: 'certfleet has no {kind} "{name}"',
    blame: 'config',
    retry: 'never',
    hint: 'Choose one that it has (`certfleet providers` lists them), for instance: `certfleet issue {certificate} --dns PROVIDER`',
  },
  'config/email-needed': {
    message: '{issuer} does not issue to accounts without an e-mail address',
    blame: 'config',
    retry: 'never',
    hint: 'Give one with --email, or as `email` on the issuer.',
  },
  'config/eab-key': {
    message: 'the EAB key is not what a CA hands out: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Give the whole key as the CA shows it: base64url or base64, with or without padding.',
  },
  'config/terms-not-agreed': {
    message: 'the issuer {issuer} requires you to agree to its terms of service ({url})',
    blame: 'config',
    retry: 'never',
    hint: 'Read them, then pass --agree-tos with -d, or set `agreeToTerms: true` on the issuer in certfleet.yaml.',
  },
  'config/unknown-profile': {
    message: 'the issuer {issuer} has no profile "{profile}"{nearest}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose one of {profiles} with --profile, or with `profile` in certfleet.yaml, or leave it out.',
  },
  'config/validity': {
    message: 'a certificate with {given} cannot be ordered: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Change it with --not-before and --not-after, or with `notBefore` and `notAfter` in certfleet.yaml; `none` leaves it to the CA.',
  },
  'config/ca-sets-validity': {
    message: 'the issuer {issuer} does not let its customers choose when a certificate begins or ends',
    blame: 'config',
    retry: 'never',
    hint: 'Leave out --not-before and --not-after (`notBefore` and `notAfter` in certfleet.yaml); to remove stored ones, set them to `none`. {advice}',
  },
  'account/proxies-behind': {
    message: 'the account keeps its key, because the proxies do not answer with the new one yet: {finding}',
    blame: 'config',
    retry: 'later',
    hint: 'Run `certfleet stateless {name}`, which now prints the configuration for the new key, put it into every proxy, and run `certfleet account rollover` again. Until then, certificates whose proxies answer by themselves are not ordered. `certfleet account rollover --abort` keeps the present key.',
  },
  'config/two-accounts': {
    message:
      'the solver "{solver}" is used with two accounts ({accounts}), but the proxies can answer for one account only',
    blame: 'config',
    retry: 'never',
    hint: 'Give its certificates one issuer, or declare a second solver of type http01-stateless for the names of the other one.',
  },
  'config/no-test-directory': {
    message: 'the issuer {issuer} has no test directory, so --staging and --dry-run cannot be used with it',
    blame: 'config',
    retry: 'never',
    hint: 'Use an issuer with a known staging directory, name one with `--test-directory` or `testDirectory` on the issuer, or declare a second issuer with `test: true`.',
  },
  'identifier/empty-list': {
    message: 'no identifier was given for {certificate}',
    blame: 'config',
    retry: 'never',
    hint: 'Give at least one: `-d www.example.com`, or `identifiers: [www.example.com]` in the configuration.',
  },
  'identifier/too-many': {
    message: '{count} identifiers in one certificate; CAs accept at most {limit}',
    blame: 'config',
    retry: 'never',
    hint: 'Split them across several certificates.',
  },
  'identifier/invalid': {
    message: '"{value}" is not a valid DNS name or IP address: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Write it as www.example.com, *.example.com, 192.0.2.1 or 2001:db8::1.',
  },
  'identifier/no-public-suffix': {
    message: '"{value}" is not under a public suffix, so the public CA {issuer} cannot issue for it',
    blame: 'config',
    retry: 'never',
    hint: 'Use a name under a registered domain, or an issuer of your own (`test: true` or a private `directory`).',
  },
  'identifier/covered-by-wildcard': {
    message: '"{value}" is already covered by "{wildcard}" in the same certificate, and CAs refuse to include both',
    blame: 'config',
    retry: 'never',
    hint: 'Remove {value}.',
  },
  'identifier/wildcard-needs-dns': {
    message: 'the wildcard "{value}" can only be validated over DNS, but {solver} answers {answers}',
    blame: 'config',
    retry: 'never',
    hint: 'Use --dns PROVIDER, or a solver of type dns01.',
  },
  'identifier/not-in-profile': {
    message: 'with the profile {profile}, the issuer {issuer} accepts {accepts}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'identifier/ip-needs-http': {
    message: 'the IP address "{value}" cannot be validated over DNS (RFC 8738 §7)',
    blame: 'config',
    retry: 'never',
    hint: 'Use a solver for it that answers HTTP-01 or TLS-ALPN-01.',
  },
  'lineage/invalid-name': {
    message: '"{name}" is not a valid certificate name',
    blame: 'config',
    retry: 'never',
    hint: 'A name is 1 to 100 of a-z 0-9 . _ - and does not begin with a hyphen.',
  },
  'lineage/not-found': {
    message: 'there is no certificate named "{name}" in the configuration or in the store{nearest}',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet status` lists all certificates. To get a new one, run `certfleet issue -d {name} --agree-tos` or declare it in certfleet.yaml.',
  },
  'lineage/not-alone': {
    message: 'no certificate is for {value} alone; near it: {near}',
    blame: 'config',
    retry: 'never',
    hint: 'Give the name of the certificate that you mean. `certfleet status` lists all certificates.',
  },
  'lineage/in-use': {
    message: '"{name}" is still deployed to {targets}',
    blame: 'config',
    retry: 'never',
    hint: 'Remove its targets first (`certfleet issue {name} --deploy none --endpoint none`, or in certfleet.yaml), or delete it anyway with --force. What was deployed stays in place.',
  },
  'lineage/not-issued': {
    message: '"{name}" is declared in the configuration, but the store contains nothing of it',
    blame: 'config',
    retry: 'never',
    hint: 'If it is no longer wanted, remove it from the configuration; otherwise `certfleet renew` orders it.',
  },
  'lineage/no-certificate': {
    message: 'the store has no certificate of "{name}" yet',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet status {name}` says why; `certfleet issue {name}` gets one.',
  },
  'lineage/no-way-back': {
    message: '"{name}" cannot go back to its previous version: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet issue {name} --force` gets a new certificate.',
  },
  'lineage/other-names': {
    message: 'the certificate {name} also has {others}; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Without a name, -d never takes names from a certificate. To give it only these: `{replace}`. To get another certificate: `{another}`.',
  },
  'lineage/name-taken': {
    message: 'another process has just given the certificate {name} other names; nothing was changed',
    blame: 'config',
    retry: 'later',
    hint: 'Run the command again.',
  },
  'lineage/not-renewed': {
    message: '"{name}" is in the store, but {why}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },

  // ── accounts: exit 2 ─────────────────────────────────────────────────────────────────────────────────────────
  'account/not-found': {
    message: 'there is no account{which} in this store',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'account/not-open': {
    message: 'the CA has not opened the account {account} yet',
    blame: 'config',
    retry: 'never',
    hint: 'Issue a certificate with it; that opens it. If no certificate uses it, `certfleet account remove` removes it.',
  },
  'account/stays': {
    message: 'the account {account} is not removed: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'account/changed': {
    message: 'another process has just replaced the key of {url}, or given that up',
    blame: 'config',
    retry: 'later',
    hint: 'Look at it with `certfleet account list`, and run the command again if you want another key.',
  },
  'account/rolling': {
    message: '{certificate} {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Its proxies answer with the thumbprint of the account’s key, and some may have that of the new one already. Nothing was ordered.',
  },

  // ── preflight: exit 3 ────────────────────────────────────────────────────────────────────────────────────────
  'preflight/no': {
    message: '{finding}; the CA was not asked',
    blame: 'config',
    retry: 'later',
    hint: '{advice} If the CA can see what this machine cannot, run `certfleet issue {certificate} --ignore-preflight`; for a new certificate, repeat your command with --ignore-preflight.',
  },
  'preflight/cannot-tell': {
    message: '{finding}, and three validations failed in the last hour; the CA was not asked',
    blame: 'network',
    retry: 'later',
    hint: 'Fix the problem named above, or wait an hour and run `certfleet issue {certificate}`.',
  },
  'preflight/hides-wildcard': {
    message:
      '{identifier} exists only through the wildcard record {wildcard}: a TXT record below it would make its address vanish (RFC 4592)',
    blame: 'config',
    retry: 'later',
    hint: 'Add a record for {identifier} itself, use HTTP-01, or request {wildcard} instead.',
  },

  // ── the CA: exit 4 ───────────────────────────────────────────────────────────────────────────────────────────
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

  // ── DNS and solvers: exit 5 ──────────────────────────────────────────────────────────────────────────────────
  'dns/zone-not-found': {
    message: 'no DNS zone was found for {name}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that the domain is delegated, or declare the solver in certfleet.yaml with `dns`: its `zone` and `nameservers`.',
  },
  'dns/no-nameserver': {
    message: 'no authoritative name server of {zone} could be found: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the NS records of the zone, or declare the solver in certfleet.yaml with `dns`: its `zone` and `nameservers`.',
  },
  'dns/lookup-failed': {
    message: 'the name server {server} did not answer {question}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'SERVFAIL, REFUSED and NOTIMP are the server’s own words: mend it, or its zone. Otherwise check that it can be reached from here over UDP and TCP port 53.',
  },
  'dns/not-visible': {
    message: 'the TXT record {name} was not on every authoritative server after {seconds} s: {missing}',
    blame: 'provider',
    retry: 'later',
    hint: 'The CA was not asked. {advice}',
  },
  'dns/delegated': {
    message: '{name} is an alias (CNAME) of {target}, and {provider} cannot change the zone {zone}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'dns/cname-loop': {
    message: 'the CNAME records at {name} form a loop, or a chain of more than {limit}',
    blame: 'config',
    retry: 'later',
    hint: 'Correct the CNAME records.',
  },
  'dns/refused': {
    message: '{provider} refused to change {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
  'dns/limited': {
    message: '{provider} takes no more requests for now: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Nothing was changed. Try again when the limit has ended.',
  },
  'dns/failed': {
    message: '{provider} failed to change {name}: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'The fault is on the provider’s side. Try again later; if it lasts, look at the provider’s status page.',
  },
  'dns/script-failed': {
    message: '{script} failed to change {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'It is not known whether something was changed. {advice}',
  },
  'dns/needs-person': {
    message: 'a person must add the TXT records of {name} by hand, at a terminal{until}',
    blame: 'config',
    retry: 'never',
    hint: 'Run `certfleet issue` with its name at a terminal. To renew without a person, choose a DNS provider with an API (`certfleet providers`).',
  },
  'dns/conflict': {
    message: '{provider} did not change {name}, because another program changes it at the same time: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Nothing was changed. Try again.',
  },
  'dns/clock-skew': {
    message: '{provider} refused to change {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Set the clocks of this machine and of the server (NTP): they may differ by at most five minutes.',
  },
  'dns/unreachable': {
    message: '{provider} could not be reached: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the server’s address and the network.',
  },
  'dns/bad-answer': {
    message: '{provider} gave an answer that cannot be trusted: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'If the provider uses TSIG, check the key on both sides, and the clocks.',
  },
  'solver/port-taken': {
    message: 'the responder cannot listen on {address}: {holder} is using the port',
    blame: 'config',
    retry: 'later',
    hint: 'Stop that program, listen on another port behind your load balancer, or use `--http webroot:FOLDER`.',
  },
  'solver/port-held': {
    message: 'the responder cannot listen on {address}: {holder} is using the port',
    blame: 'config',
    retry: 'later',
    hint: 'It releases the port when its orders are done. If it is suspended, resume it (`kill -CONT` and its pid) or end it: the next run finishes its work.',
  },
  'solver/cannot-listen': {
    message: 'the responder cannot listen on {address}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Ports below 1024 need root or CAP_NET_BIND_SERVICE.',
  },
  'solver/webroot-unwritable': {
    message: 'the webroot {folder} cannot be written to: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Give the folder that the web server serves, and let this user write to it.',
  },
  'solver/hook-failed': {
    message: 'the hook `{command}` ended with {status}: {output}',
    blame: 'config',
    retry: 'later',
    hint: 'To find out why, run it by hand with the CERTBOT_* variables set.',
  },
  'solver/too-much-left': {
    message: '{count} challenges of earlier tries for {certificate} could not be removed, or must still be checked',
    blame: 'provider',
    retry: 'later',
    hint: 'Run `certfleet sweep`, which removes them or says why it cannot. Until then there is no room to journal another order.',
  },
  'solver/not-removed': {
    message: '{certificate}: {what} could not be removed: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Nothing was deleted. Run `certfleet delete {certificate}` again when that works, or add --force to leave it behind.',
  },
  'solver/wrong-answer': {
    message: '{what} answers the challenge path of {identifier} with {answer}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'solver/frontend-silent': {
    message: 'the proxy at {frontend} does not answer: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check that it runs, and that this machine may connect to it; or take it out of `frontends` of the solver.',
  },
  'solver/not-ready': {
    message: '{solver} was not ready for {identifier} after {seconds} s: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The CA was not asked.',
  },

  // ── the load balancer: exit 5 ────────────────────────────────────────────────────────────────────────────────
  // `{action}` is the API's own name of the call; `{reason}` ends with its request id, if it gave one.
  'balancer/refused': {
    message: '{balancer} refused {action}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
  'balancer/unreachable': {
    message: '{balancer} could not be reached for {action}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the region, the `endpoint` if there is one, the network and the proxy settings.',
  },
  'balancer/failed': {
    message: '{balancer} failed to answer {action}: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'The service is disturbed, or something in between answers in its place.',
  },
  'balancer/limited': {
    message: '{balancer} accepts no more calls at the moment ({action}): {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Wait until the limit has ended. If it happens often, find out what else calls this API with the same account.',
  },
  'balancer/busy': {
    message: '{balancer} was still applying another change after {seconds} s, so {action} was not done: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'If it stays so, look at the state of the load balancer in its console.',
  },
  'balancer/not-found': {
    message: '{balancer}: {what} does not exist: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check the region, the id of the load balancer and the port of its listener, and that the credentials belong to the account that owns it.',
  },
  'balancer/quota': {
    message: '{balancer} has no room for {what}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Remove what is no longer needed, or ask the provider for a higher quota.',
  },
  'balancer/unsafe-rule': {
    message: '{balancer}: a rule for {host} would take other traffic of that host away: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
  'balancer/redirects': {
    message: '{balancer}: the listener on port {port} only redirects, so no rule on it can answer the CA: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },

  // ── deployment: exit 6 ───────────────────────────────────────────────────────────────────────────────────────
  'deploy/target-failed': {
    message: 'deploying {certificate} to {target} failed: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The target keeps what it had. `certfleet renew` tries it again.',
  },
  'deploy/nodes-missing': {
    message: '{missing} of {total} nodes of {target} lack {certificate}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nodes that are not named have it. `certfleet renew` tries only these again.',
  },
  'deploy/unsafe-folder': {
    message: 'deploying {certificate} to {target} was refused: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Private keys go only into folders of root or of the user that runs certfleet, and through no links of others. Mend the folder; `certfleet renew` tries it again.',
  },
  'deploy/newer-there': {
    message:
      'deploying {certificate} to {target} was refused: certbot has renewed it, and its version in {path} is newer (valid from {from})',
    blame: 'config',
    retry: 'later',
    hint: 'Take over the newer version with `certfleet import certbot {root} --in-place`, and stop certbot, so that only one of them renews.',
  },
  'deploy/config-test-failed': {
    message: '{target}: the configuration test failed after {certificate} was written: {output}',
    blame: 'config',
    retry: 'later',
    hint: 'The previous files were put back. Fix the configuration; `certfleet renew` tries again.',
  },
  'deploy/too-slow': {
    message: 'deploying {certificate} to {target} took longer than {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Find out why the target hangs, or allow it more time with `deployDeadline` in the configuration.',
  },
  'deploy/other-node': {
    message: '{target} does not have {certificate} yet: the delivery to it was interrupted on another node',
    blame: 'config',
    retry: 'later',
    hint: 'A sweep delivers only to targets that all nodes share. `certfleet renew` on that node delivers to the others.',
  },
  'deploy/no-answer': {
    message: 'nothing answers at {endpoint}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Start the server, or correct the endpoint; `certfleet renew` checks it again.',
  },
  'deploy/still-old': {
    message: '{endpoint} does not serve the current certificate of {certificate} yet (served at {served})',
    blame: 'config',
    retry: 'later',
    hint: 'Check that a target of this certificate is the server behind this endpoint; `certfleet renew` activates it and checks again.',
  },
  'deploy/handshake-failed': {
    message: '{endpoint} no longer completes a TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The previous version was put back. `certfleet renew` tries the new one again after a day.',
  },
  'deploy/no-handshake': {
    message: '{endpoint} does not complete a TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{why}. Check that a TLS server listens there and accepts the certificate; `certfleet renew` checks it again.',
  },

  // ── the schedule of `renew`: exit 8 ──────────────────────────────────────────────────────────────────────────
  'schedule/too-slow': {
    message:
      'a run every {interval} cannot keep {certificate} valid: it lives {lifetime}, which is not more than twice the interval',
    blame: 'config',
    retry: 'never',
    hint: 'Run `renew` at least every {longest} (with `--next-run {flag}`), or better once an hour without --next-run.',
  },
  // ── the store: exit 7 ────────────────────────────────────────────────────────────────────────────────────────
  'store/conflict': {
    message: 'the document {key} was changed by another process',
    blame: 'bug',
    retry: 'later',
    hint: 'Run the command again.',
  },
  'store/unusable': {
    message: 'the store {path} cannot be used: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'store/untrusted': {
    message:
      'the store {path} is refused, because write access to it means running commands as the user that runs certfleet: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'import/absent': {
    message: 'there are no files of {client} in {path}',
    blame: 'config',
    retry: 'never',
    hint: 'Name its folder, or the acme.json of Traefik: `certfleet import {client} PATH`',
  },
  'import/unreadable': {
    message: 'the files of {client} in {path} cannot be read: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Run the import as a user who may read them, such as root.',
  },
  'import/damaged': {
    message: '{path} of {client} cannot be used: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Mend or remove it, and import again. Nothing of it was taken over.',
  },
  'import/untrusted': {
    message:
      '{path} is refused, because what is imported says which commands run as the user that runs certfleet: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'store/absent': {
    message: 'there is no store at {path}',
    blame: 'config',
    retry: 'never',
    hint: 'Check the path (--store, or `store` in certfleet.yaml). `certfleet issue` creates a new store.',
  },
  'store/corrupt': {
    message: 'the document {key} cannot be read: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'It was left unchanged in {file}. Restore it from a backup, or move it away.',
  },
  'store/lineage-missing': {
    message: 'the document lineage/{name} is missing, though the store has a version of {name} and its private key',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it from a backup, or run `certfleet store check --mend`, which makes it again from that version.',
  },
  'store/id-missing': {
    message: 'the document meta/store of {path} is missing, so the store has certificates and no id',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it from a backup. Or run `certfleet store check --mend`, which makes a new id: what was uploaded to balancers and certificate services under the old one is then found only by `certfleet sweep --lost`.',
  },
  'store/part-missing': {
    message: 'the document {key} is missing, though the certificate {name} needs it',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it in {path} from a backup, or get another certificate with a new key: `certfleet renew --force {name}`.',
  },
  'store/account-missing': {
    message: 'the account of {directory} with which {names} got its certificate is missing: account/{account}',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it in {path} from a backup. Without it, the next order opens another account; CAA records and records of dns-persist-01 that name the old one then no longer fit.',
  },
  'store/key-missing': {
    message: 'the store {path} is encrypted, and no key is given',
    blame: 'config',
    retry: 'never',
    hint: 'Name its key: `storeKey: file:/path` in certfleet.yaml, --store-key file:/path, or the variable CERTFLEET_STORE_KEY.',
  },
  'store/wrong-key': {
    message: '{path} is encrypted with {keys}, and only {given} is given; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Give the key {missing}, in `storeKey` of certfleet.yaml or with --store-key. Both take several keys.{advice}',
  },
  'store/not-empty': {
    message: 'there is a store at {path} already; a backup is restored only where there is none',
    blame: 'config',
    retry: 'never',
    hint: 'Move it away first, or name another folder with --store.',
  },
  'store/restoring': {
    message: 'the restore of {file} into the store {path} has not ended, so the store lacks documents',
    blame: 'config',
    retry: 'later',
    hint: 'Run it again, and it continues: {command}. To restore another backup, move {path} away first.',
  },
  'store/backup-damaged': {
    message: '{file} cannot be restored: {reason}; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Use another backup.',
  },
  'store/backup-untrusted': {
    message: '{file} is refused, because a backup says which commands run as the user that runs certfleet: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'store/in-use': {
    message:
      'a process was writing to the store {path} less than a minute ago, or still is, so a secret may stand in its file',
    blame: 'config',
    retry: 'later',
    hint: 'Run the command again in a minute; it continues where it stopped. Until then, a file that a killed process left looks like one that another machine is writing.',
  },
  'store/key-unusable': {
    message: 'the key of the store cannot be used: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'store/lease-lost': {
    message: 'another process has taken over {certificate}',
    blame: 'bug',
    retry: 'later',
    hint: 'There is nothing to do: the other process finishes the work.',
  },
  'store/held': {
    message: 'another process ({holder}) is working on {certificate}; nothing was changed',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for it, or stop it. If its machine is gone, run `certfleet sweep` first to end its lease.',
  },
  'store/busy': {
    message: 'another process ({holder}) is working on {certificate} and did not finish within {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for it, or stop it: the next run resumes its work.',
  },

  // ── network, aborts, bugs ────────────────────────────────────────────────────────────────────────────────────
  'network/failed': {
    message: '{method} {url}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the network and the proxy settings.',
  },
  'network/too-large': {
    message: '{method} {url}: the answer is larger than {limit} bytes',
    blame: 'network',
    retry: 'later',
    hint: 'Check that no proxy or captive portal answers in place of the server.',
  },
  'process/failed': {
    message: '`{command}` could not be started: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that the program is installed and that this user may run it.',
  },
  'process/timeout': {
    message: '`{command}` did not finish within {seconds} s and was stopped',
    blame: 'config',
    retry: 'later',
    hint: 'Run it by hand to see what it waits for. certfleet gives it no terminal, and only a few environment variables.',
  },
  'output/lost': {
    message: 'the output could not be written: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'The command itself has done its work. Free some disk space, or send the output elsewhere.',
  },
  'bug/unexpected': {
    message: 'something went wrong inside certfleet: {reason}',
    blame: 'bug',
    retry: 'later',
    hint: `Please report it at ${homepage}/issues with the output of \`--json\`. Nothing in the store is lost.`,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

/** Codes that say something else than their area: that another process must finish first. */
export const exitCodesOfCodes: { readonly [C in ErrorCode]?: 7 } = { 'account/rolling': 7, 'account/changed': 7 };

/** Exit codes of the command line, by the area of the error code (the part before the slash). */
export const exitCodes = {
  usage: 2,
  config: 2,
  identifier: 2,
  account: 2,
  lineage: 2,
  preflight: 3,
  acme: 4,
  dns: 5,
  solver: 5,
  balancer: 5,
  deploy: 6,
  schedule: 8,
  store: 7,
  import: 2,
  network: 4,
  process: 5,
  output: 9,
  bug: 1,
} as const;
