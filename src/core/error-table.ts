import { homepage } from './version.ts';

/**
 * Every error certfleet can tell a person about, in one table (house.md §8).
 *
 * `{placeholders}` are filled by {@link import('./errors.ts').fail}; their names are checked by the compiler, and a
 * hint's `{certificate}` is filled where the error is caught. The area before the slash decides the exit code
 * (`exitCodes`). The scheduler reads only `retry`:
 *
 * - `never`: the same try gives the same answer until the certificate's settings change or a person acts; until then
 *   it is tried once a day, so that no certificate is given up for ever;
 * - `later`: try again by the back-off, also what a person must mend where that can happen without a word to certfleet
 *   (a DNS record, a file);
 * - `at`: the answer named the time (`retryAt` on the error).
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
    hint: 'Answer `y` to go on. Without a terminal nothing is asked.',
  },
  'config/unreadable': {
    message: 'the configuration {file} cannot be read: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Name another file with --config, or see `certfleet config example`.',
  },
  'config/invalid': {
    message: '{file}: {problem}',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet config check` lists every problem with its line.',
  },
  'config/credential-missing': {
    message: '{what} lacks {credential}',
    blame: 'config',
    retry: 'later',
    hint: 'Set the environment variable, write `file:/path` (mode 0600) in the configuration, or use --dns-option KEY=VALUE (a secret as KEY=file:/path).',
  },
  'config/secret-unreadable': {
    message: 'the secret file {file} cannot be read: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that the path is right and that this user may read it.',
  },
  'config/ca-file-unusable': {
    message: 'the CA file {file} cannot be used: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Name a PEM file with the root certificates of a private CA: --ca-file FILE, or `caFile` on the issuer.',
  },
  'config/unknown-reference': {
    message: '{where} names the {kind} "{name}", which is not declared{nearest}',
    blame: 'config',
    retry: 'never',
    hint: 'Declare it in the configuration, or correct the name.',
  },
  'config/terms-not-agreed': {
    message: 'the issuer {issuer} asks for agreement to its terms of service ({url})',
    blame: 'config',
    retry: 'never',
    hint: 'Read them, then set `agreeToTerms: true` on the issuer in certfleet.yaml, or pass --agree-tos beside -d.',
  },
  'config/unknown-profile': {
    message: 'the issuer {issuer} has no profile "{profile}"{nearest}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose one that it has ({profiles}) with --profile, or with `profile` in certfleet.yaml, or leave it out.',
  },
  'config/no-test-directory': {
    message: 'the issuer {issuer} has no test directory, so --staging and --dry-run cannot be used with it',
    blame: 'config',
    retry: 'never',
    hint: 'Use an issuer with a known staging directory, or declare a second issuer with `test: true`.',
  },
  'identifier/empty-list': {
    message: 'no identifier is given for {certificate}',
    blame: 'config',
    retry: 'never',
    hint: 'Name at least one: `-d www.example.com`, or `identifiers: [www.example.com]` in the configuration.',
  },
  'identifier/too-many': {
    message: '{count} identifiers in one certificate; CAs accept at most {limit}',
    blame: 'config',
    retry: 'never',
    hint: 'Split them over several certificates.',
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
    hint: 'Use a name of a registered domain, or an issuer of your own (`test: true` or a private `directory`).',
  },
  'identifier/covered-by-wildcard': {
    message: '"{value}" is already covered by "{wildcard}" in the same certificate; CAs refuse the pair',
    blame: 'config',
    retry: 'never',
    hint: 'Remove {value}.',
  },
  'identifier/wildcard-needs-dns': {
    message: 'the wildcard "{value}" can only be validated over DNS-01, but {solver} answers HTTP-01',
    blame: 'config',
    retry: 'never',
    hint: 'Give a DNS provider with --dns PROVIDER, or a solver of type dns01.',
  },
  'identifier/ip-needs-http': {
    message: 'the IP address "{value}" cannot be validated over DNS-01 (RFC 8738 §7)',
    blame: 'config',
    retry: 'never',
    hint: 'Use an HTTP-01 solver for it.',
  },
  'lineage/invalid-name': {
    message: '"{name}" is not a valid certificate name',
    blame: 'config',
    retry: 'never',
    hint: 'A name is 1 to 100 of a-z 0-9 . _ - and does not begin with a hyphen.',
  },
  'lineage/not-found': {
    message: 'there is no certificate named "{name}", neither declared nor in the store{nearest}',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet status` lists them; a new one is made with `certfleet issue -d {name}`, or declared in certfleet.yaml.',
  },
  'lineage/in-use': {
    message: '"{name}" is in use: {targets} still has it',
    blame: 'config',
    retry: 'never',
    hint: 'Take its targets away first (`certfleet issue {name} --deploy none --endpoint none`, or in certfleet.yaml), or delete it all the same with --force: what was delivered stays.',
  },
  'lineage/not-issued': {
    message: '"{name}" is declared, and the store has nothing of it to delete',
    blame: 'config',
    retry: 'never',
    hint: 'Take it out of the configuration, so that `certfleet renew` does not get it.',
  },
  'lineage/not-renewed': {
    message: '"{name}" is in the store, but {why}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },

  // ── preflight: exit 3 ────────────────────────────────────────────────────────────────────────────────────────
  'preflight/no': {
    message: '{finding}; the CA was not asked',
    blame: 'config',
    retry: 'later',
    hint: '{advice} Where the CA sees what this machine does not: `certfleet issue {certificate} --ignore-preflight`.',
  },
  'preflight/cannot-tell': {
    message: '{finding}, and three validations failed in the last hour; the CA was not asked',
    blame: 'network',
    retry: 'later',
    hint: 'Fix what is named, or run `certfleet issue {certificate}` by hand once the hour is over.',
  },
  'preflight/hides-wildcard': {
    message:
      '{identifier} exists only through the wildcard record {wildcard}: a TXT record below it would make its address vanish (RFC 4592)',
    blame: 'config',
    retry: 'later',
    hint: 'Add a record for {identifier} itself, use HTTP-01, or put {wildcard} into the certificate instead.',
  },

  // ── the CA: exit 4 ───────────────────────────────────────────────────────────────────────────────────────────
  'acme/directory-unreachable': {
    message: 'the directory {url} cannot be reached: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the URL, the network and the proxy settings; for a private CA name its root with --ca-file, or `caFile` on the issuer.',
  },
  'acme/certificate-dates': {
    message: 'the directory {url} cannot be trusted: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Set this machine’s clock (NTP) if it is wrong; else the CA’s own HTTPS certificate is out of date.',
  },
  'acme/not-a-directory': {
    message: '{url} does not answer like an ACME directory: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check the issuer’s directory URL.',
  },
  'acme/clock-skew': {
    message: 'this machine’s clock and the CA’s ({url}) differ by {minutes} minutes',
    blame: 'config',
    retry: 'later',
    hint: 'Set the clock (NTP); certificates and renewal times depend on it.',
  },
  'acme/problem': {
    message: '{issuer} refused {what}: {detail}',
    blame: 'ca',
    retry: 'later',
    hint: '{advice}',
  },
  'acme/rate-limited': {
    message: '{issuer} is limiting {what}: {detail}',
    blame: 'ca',
    retry: 'at',
    hint: 'Nothing needs to be done: certfleet tries again at the time the CA named. See https://letsencrypt.org/docs/rate-limits/.',
  },
  'acme/account-deactivated': {
    message: 'the account {account} at {issuer} is deactivated, and cannot be activated again (RFC 8555 §7.3.6)',
    blame: 'config',
    retry: 'never',
    hint: 'First change CAA records that name this account, if there are any. Then `certfleet issue {certificate} --new-account` opens a new one for all certificates of {issuer}. With `newAccount: true` on the issuer, `renew` does so by itself.',
  },
  'acme/open-order': {
    message:
      '{detail}; the renewal of {certificate} is exempt from it, but {issuer} refuses that while an earlier order for it, whose URL was lost in a crash, is open',
    blame: 'ca',
    retry: 'at',
    hint: 'Nothing needs to be done: certfleet tries again every hour, and succeeds once {issuer} has dropped the earlier order.',
  },
  'acme/paused': {
    message: '{issuer} has paused this account for a name: {detail}',
    blame: 'config',
    retry: 'never',
    hint: 'A person must open the page named above; then `certfleet issue {certificate}` tries again at once, and `renew` within a day.',
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
    hint: 'Check the network; the order is kept and goes on at the next try.',
  },
  'acme/malformed-answer': {
    message: '{issuer} answered {what} in a way that RFC 8555 does not allow: {reason}',
    blame: 'ca',
    retry: 'later',
    hint: 'Report it to the CA; a proxy in between may also have changed the answer.',
  },
  'acme/invalid-authorization': {
    message: '{issuer} could not validate {identifier} over {challenge}: {detail}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'acme/invalid-order': {
    message: '{issuer} gave up the order for {certificate}: {detail}',
    blame: 'ca',
    retry: 'later',
    hint: 'certfleet begins a new order at the next try.',
  },
  'acme/no-usable-challenge': {
    message: '{issuer} offers {offered} for {identifier}, but {solver} answers {answers}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another solver for this certificate.',
  },
  'acme/wrong-certificate': {
    message: '{issuer} delivered a certificate that does not fit: {reason}',
    blame: 'ca',
    retry: 'later',
    hint: 'Nothing was stored or deployed; the private key is kept. Report it to the CA.',
  },
  'acme/timeout': {
    message: '{issuer} did not finish {what} within {seconds} s',
    blame: 'ca',
    retry: 'later',
    hint: 'The order is kept and goes on at the next try.',
  },
  'acme/hold': {
    message: '{issuer} asked not to be called for {certificate} before {until}',
    blame: 'ca',
    retry: 'at',
    hint: 'Wait until then; `--force` does not override what the CA asked for.',
  },
  'acme/external-account-required': {
    message: '{issuer} opens accounts only for customers it knows (external account binding)',
    blame: 'config',
    retry: 'never',
    hint: 'This version of certfleet cannot give an external account binding; choose another issuer.',
  },
  'acme/down': {
    message: '{issuer} takes no orders at the moment, so {certificate} was not ordered',
    blame: 'ca',
    retry: 'later',
    hint: 'Another certificate of this run has found that out; see its error. The next run tries one certificate first.',
  },

  // ── DNS and solvers: exit 5 ──────────────────────────────────────────────────────────────────────────────────
  'dns/zone-not-found': {
    message: 'no DNS zone was found for {name}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that the domain is delegated, or declare the solver in certfleet.yaml and give it `dns` with `zone` and `nameservers`.',
  },
  'dns/no-nameserver': {
    message: 'no authoritative name server of {zone} could be found: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the NS records of the zone, or declare the solver in certfleet.yaml and give it `dns` with `zone` and `nameservers`.',
  },
  'dns/lookup-failed': {
    message: 'the name server {server} did not answer {question}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check that the server can be reached from here over UDP and TCP port 53.',
  },
  'dns/not-visible': {
    message: 'the TXT record {name} was not on every authoritative server after {seconds} s: {missing}',
    blame: 'provider',
    retry: 'later',
    hint: 'The CA was not asked. Check zone transfers and that these servers belong to the zone.',
  },
  'dns/cname-loop': {
    message: 'the CNAME records at {name} lead in a circle or through more than {limit} names',
    blame: 'config',
    retry: 'later',
    hint: 'Correct the CNAME record.',
  },
  'dns/refused': {
    message: '{provider} refused the change of {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check the credentials and what they may change.',
  },
  'dns/clock-skew': {
    message: '{provider} refused the change of {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Set the clocks of this machine and of the server (NTP): they may differ by five minutes.',
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
    hint: 'Check the TSIG key on both sides, and the clocks.',
  },
  'solver/port-taken': {
    message: 'the HTTP-01 responder cannot listen on {address}: {holder} has the port',
    blame: 'config',
    retry: 'later',
    hint: 'Stop that program, choose another port behind your balancer, or use `--http webroot:DIR`.',
  },
  'solver/port-held': {
    message: 'the HTTP-01 responder cannot listen on {address}: {holder} has the port',
    blame: 'config',
    retry: 'later',
    hint: 'It lets go of the port when its orders are done. One that is stopped goes on after `kill -CONT` with its pid, or end it: the next run finishes its work.',
  },
  'solver/cannot-listen': {
    message: 'the HTTP-01 responder cannot listen on {address}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Ports below 1024 need root or CAP_NET_BIND_SERVICE.',
  },
  'solver/webroot-unwritable': {
    message: 'the webroot {folder} cannot be written: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Name the folder that the web server serves, and let this user write there.',
  },
  'solver/hook-failed': {
    message: 'the hook `{command}` ended with {status}: {output}',
    blame: 'config',
    retry: 'later',
    hint: 'Run it by hand with the CERTBOT_* variables set.',
  },
  'solver/not-removed': {
    message: '{certificate}: {what} could not be removed: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Nothing was deleted. Run `certfleet delete {certificate}` again when the solver can remove it, or leave it behind with --force.',
  },
  'solver/not-ready': {
    message: '{solver} was not ready for {identifier} after {seconds} s: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The CA was not asked.',
  },

  // ── deployment: exit 6 ───────────────────────────────────────────────────────────────────────────────────────
  'deploy/target-failed': {
    message: '{target} could not take {certificate}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'It still has what it had before, if anything. `certfleet renew` tries this target again.',
  },
  'deploy/config-test-failed': {
    message: '{target}: the configuration test failed after {certificate} was written: {output}',
    blame: 'config',
    retry: 'later',
    hint: 'The files are as they were before. Fix the configuration; `certfleet renew` tries again.',
  },
  'deploy/too-slow': {
    message: '{target} did not take {certificate} within {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Find out why the target hangs; `deployDeadline` in the configuration says how long it may take.',
  },
  'deploy/no-answer': {
    message: 'nothing is served at {endpoint}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Start the server, or correct the endpoint; `certfleet renew` looks again.',
  },
  'deploy/still-old': {
    message: '{endpoint} still serves another certificate than {certificate}: {served}',
    blame: 'config',
    retry: 'later',
    hint: '`certfleet renew` looks again; check that the target named here is the one behind this endpoint.',
  },
  'deploy/handshake-failed': {
    message: '{endpoint} no longer completes a TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The version before was put back. `certfleet renew` tries the new one again after a day.',
  },
  'deploy/no-handshake': {
    message: '{endpoint} completes no TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{why}. Check that a TLS server listens there and takes the certificate; `certfleet renew` looks again.',
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
  'store/absent': {
    message: 'there is no store at {path} yet',
    blame: 'config',
    retry: 'never',
    hint: 'Check the path (--store, or `store` in certfleet.yaml). `certfleet issue` makes a new store.',
  },
  'store/corrupt': {
    message: 'the document {key} cannot be read: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The file is left as it is: {file}. Restore it from a backup, or move it away.',
  },
  'store/lease-lost': {
    message: 'another process has taken over {certificate}',
    blame: 'bug',
    retry: 'later',
    hint: 'Nothing needs to be done; the other process finishes the work.',
  },
  'store/held': {
    message: 'another process ({holder}) is working on {certificate}; nothing was deleted',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for it, or stop it. If its machine is gone, `certfleet sweep` takes the certificate from it first.',
  },
  'store/busy': {
    message: 'another process ({holder}) is working on {certificate} and did not finish within {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for it, or stop it: its work is resumed.',
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
    hint: 'A proxy or a captive portal may answer in place of the server.',
  },
  'process/failed': {
    message: '`{command}` could not be started: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that the program is installed and may be executed.',
  },
  'process/timeout': {
    message: '`{command}` did not end within {seconds} s and was stopped',
    blame: 'config',
    retry: 'later',
    hint: 'Run it by hand to see what it waits for; it has no terminal and only the environment it is given.',
  },
  'bug/unexpected': {
    message: 'something went wrong inside certfleet: {reason}',
    blame: 'bug',
    retry: 'later',
    hint: `Please report it at ${homepage}/issues with the output of \`--json\`; nothing that was stored is lost.`,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

/** Exit codes of the command line, by the area of the error code (the part before the slash). */
export const exitCodes = {
  usage: 2,
  config: 2,
  identifier: 2,
  lineage: 2,
  preflight: 3,
  acme: 4,
  dns: 5,
  solver: 5,
  deploy: 6,
  store: 7,
  network: 4,
  process: 5,
  bug: 1,
} as const;
