import { choiceFlags } from '../choices.ts';
import type { Command, Flag } from '../commands.ts';

/** Returns the flags for hooks around orders. `remark` says what is special about the command. */
const hookFlags = (remark: string): readonly Flag[] => [
  {
    flags: '--pre-hook <command>',
    description: `shell command to run before an order, once in a run, and only if there is one; ${remark}`,
  },
  {
    flags: '--post-hook <command>',
    description: `shell command to run after all orders of a run, also if they failed; ${remark}`,
  },
  {
    flags: '--deploy-hook <command>',
    description: `shell command to run for each new certificate, with RENEWED_LINEAGE and RENEWED_DOMAINS; ${remark}`,
    aliases: ['--renew-hook'],
  },
];

/** Commands that order certificates. */
export const commandsOfOrders: readonly Command[] = [
  {
    name: 'issue',
    summary: 'get a certificate now',
    description:
      'With -d, flags give the settings of one certificate. certfleet stores them, so `certfleet renew` needs no flags. To ' +
      'change a setting, run `issue` again with -d or the name: settings without a flag stay as they are, and a new ' +
      'certificate is ordered only if the change needs one. More names after -d are added to a certificate; fewer are asked ' +
      'about at a terminal, and elsewhere need its name. Without -d, it issues the certificates that the configuration ' +
      'declares, or the named ones; a name may also be that of a certificate issued by flags.',
    arguments: {
      text: '[name...]',
      description: 'certificates that are declared or were issued by flags (default: all declared ones)',
    },
    flags: [
      {
        flags: '-d, --identifier <names>',
        description: 'DNS name, *.wildcard or IP address; repeat the flag or use commas',
        list: true,
        aliases: ['--domains', '--domain'],
      },
      {
        flags: '--name <name>',
        description:
          'name of the certificate (default: its first identifier; with a number such as -0001 if a certificate for others has that name)',
      },
      {
        flags: '--http <how>',
        description:
          'answer over HTTP: standalone[:ADDRESS:PORT], webroot:FOLDER[,FOLDER], stateless, hook, or a declared solver (default: the declared solver if there is only one, else standalone)',
      },
      {
        flags: '--tls-alpn [address]',
        description:
          'answer over TLS on port 443, or on ADDRESS:PORT behind a proxy; in place of --http, if port 80 is closed',
      },
      {
        flags: '--dns <provider>',
        description:
          'answer over DNS: a DNS provider (see `certfleet providers`), hook, or a declared solver; together with --http or --tls-alpn, for the wildcards only',
      },
      {
        flags: '--dns-option <key=value>',
        description: 'option of the DNS provider; for a secret, key=file:/path or key=env:NAME',
        repeat: true,
      },
      {
        flags: '--auth-hook <command>',
        description:
          'with --http hook or --dns hook: shell command that makes the challenge answerable, as for certbot',
      },
      { flags: '--cleanup-hook <command>', description: 'with --auth-hook: shell command that removes the answer' },
      {
        flags: '--propagation <duration>',
        description:
          'with --dns: wait at least this long for the authoritative servers, such as 30s, and order only if they still have the record then; `none` to not wait',
      },
      {
        flags: '--challenge <type>',
        values: ['dns-01', 'dns-account-01', 'dns-persist-01'],
        description:
          'with --dns: dns-01 (default), dns-account-01, or dns-persist-01: one TXT record that stays, so renewals change nothing in the zone (where the CA does not offer it, dns-01 is answered)',
      },
      {
        flags: '--issuer <ca>',
        description:
          'a CA of `certfleet issuers`, a directory URL, or a declared issuer (default: the declared issuer if there is only one, else letsencrypt)',
      },
      {
        flags: '--email <address>',
        description: 'address for messages from the CA; `none` for no address',
        list: true,
      },
      { flags: '--agree-tos', description: 'you have read the CA’s terms of service and agree to them' },
      {
        flags: '--eab-kid <id>',
        description: 'key id for external account binding, if the CA opens accounts only for its customers',
      },
      {
        flags: '--eab-hmac-key <key>',
        description:
          'the key that the CA gave you with it: file:/path or env:NAME (default: env:CERTFLEET_EAB_HMAC_KEY)',
      },
      { flags: '--eab-hmac-alg <algorithm>', description: 'HS256 (default), HS384 or HS512' },
      {
        flags: '--account <name>',
        description: 'name of the account, if there are several at this CA (default: --eab-kid, else `default`)',
      },
      {
        flags: '--ca-file <file>',
        description: 'PEM file with root certificates to trust for the CA’s HTTPS server, besides the public ones',
      },
      { flags: '--only-this-ca', description: 'trust only the root certificates in --ca-file, not the public ones' },
      {
        flags: '--test-directory <url>',
        description:
          'directory of the CA for --staging and --dry-run, if it is not a CA of `certfleet issuers`; `none` for none',
      },
      ...choiceFlags,
      {
        flags: '--staging',
        description: 'get a test certificate from the CA’s test directory, named <name>~staging; deploys nothing',
      },
      { flags: '--dry-run', description: 'same as --staging' },
      {
        flags: '--deploy <target>',
        description:
          'files:FOLDER, nginx:FOLDER (which also reloads it) or a declared deployer; repeat the flag for several; `none` to deploy nowhere',
        list: true,
      },
      {
        flags: '--nginx-ctl <program>',
        description: 'with --deploy nginx:FOLDER: the program to test and reload (default: nginx)',
      },
      {
        flags: '--nginx-server-root <folder>',
        description: 'with --deploy nginx:FOLDER: the folder of the nginx.conf to test and reload with',
      },
      {
        flags: '--endpoint <host:port>',
        description: 'server to check over TLS after the deployment; `none` for no check',
        list: true,
      },
      ...hookFlags('`none` for no hook'),
      { flags: '--force', description: 'issue even if the certificate is not due' },
      {
        flags: '--ignore-preflight',
        description: 'ask the CA even if a check from this machine says that it will refuse (for example behind a NAT)',
      },
      { flags: '--new-account', description: 'open a new account if the CA says that yours is deactivated' },
      {
        flags: '--resolver <address>',
        description: 'DNS resolver for the checks before the order; `none` for this machine’s own',
        list: true,
      },
      {
        flags: '--http01-port <port>',
        description: 'port that the CA connects to for HTTP-01 (default: 80; only test CAs use another)',
      },
      {
        flags: '--tls-alpn01-port <port>',
        description: 'the same for TLS-ALPN-01 (default: 443)',
      },
    ],
    examples: [
      { line: 'certfleet issue -d www.example.com --agree-tos --staging', why: 'get a test certificate first' },
      {
        line: 'certfleet issue -d www.example.com --agree-tos --deploy files:/etc/certs',
        why: 'get the real one, as files',
      },
      {
        line: 'certfleet issue www.example.com --deploy files:/srv/certs',
        why: 'change one setting; the others stay',
      },
      {
        line: "certfleet issue -d example.com,'*.example.com' --dns rfc2136 --agree-tos",
        why: 'get a wildcard, over DNS',
      },
    ],
    asksPerson: true,
    load: async () => (await import('./issue.ts')).issue,
  },
  {
    name: 'renew',
    summary: 'renew and deliver whatever is due (for cron)',
    description:
      'Makes one pass over all certificates. Skips those that are not due, and waits longer after each failure.',
    arguments: { text: '[name...]', description: 'only these certificates (default: all)' },
    flags: [
      { flags: '--name <name>', description: 'only this certificate', list: true },
      { flags: '--force', description: 'renew even if not due' },
      {
        flags: '--dry-run',
        description: 'order a test certificate for each, at its CA’s test directory; deliver nothing and keep none',
      },
      { flags: '--redeploy', description: 'deliver the current certificates to every target again, and order nothing' },
      ...hookFlags('in this run, in place of the certificate’s own'),
      {
        flags: '--next-run <interval>',
        description:
          'this runs only once in an interval, such as 31d, 1d or 12h: renew now what falls due before the next run, or would expire before the one after it; exit with 8 if the interval is too long for a certificate',
      },
    ],
    examples: [
      { line: 'certfleet renew --quiet', why: 'once an hour, from cron' },
      { line: 'certfleet renew --dry-run', why: 'try whether every renewal would succeed' },
      { line: 'certfleet renew --quiet --next-run 31d', why: 'once a month, from a job scheduler' },
    ],
    load: async () => (await import('./renew.ts')).renew,
  },
  {
    name: 'run',
    summary: 'keep running, and renew and deliver each certificate when it is due',
    description:
      'Takes the place of `renew` in cron. Notices within seconds what other commands change in the store. Reads the configuration again when one of its files changes, or at SIGHUP; if the new one is not valid, the one before stays in use. When a file with a secret changes, what failed is tried again. A change of `store`, `storeKey`, `node`, `shutdownBudget`, `leaseTtl`, `deployTimeout` or `deployDeadline` needs a new start. SIGTERM ends it: what is under way is finished or journalled within shutdownBudget.',
    flags: [
      {
        flags: '--role <role>',
        description:
          'node (default): everything; responder: answer the challenges of all nodes from the store where a solver listens, and do nothing else; health checks at CERTFLEET_LISTEN only; with `responderSecret`, it reads nothing but tokens, and writes nothing. Of each node name, one process for each role may run',
      },
    ],
    examples: [
      { line: 'certfleet run', why: 'in place of `certfleet renew` once an hour' },
      { line: 'certfleet run --role responder', why: 'on every node that a load balancer sends challenges to' },
    ],
    isService: true,
    load: async () => (await import('./run.ts')).run,
  },
];
