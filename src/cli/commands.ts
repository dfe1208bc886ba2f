import type { Run } from './context.ts';

/** The command line as data: parser, help and docs/reference/cli.md are made of it. */
export interface Command {
  /** As typed; a command of a group has a space: `config check`. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly arguments?: { readonly text: string; readonly description: string };
  readonly flags: readonly Flag[];
  readonly examples?: readonly { readonly line: string; readonly why: string }[];
  load(): Promise<Run>;
}

export interface Flag {
  /** As commander takes it: `-d, --identifier <names>`. */
  readonly flags: string;
  readonly description: string;
  /** May be given several times, and with commas. */
  readonly list?: boolean;
  /** Several times, but never split at commas. */
  readonly repeat?: boolean;
  /** Other long names for it. */
  readonly aliases?: readonly string[];
}

export const globalFlags: readonly Flag[] = [
  {
    flags: '--config <file>',
    description: 'configuration file (default: /etc/certfleet/certfleet.yaml where it exists)',
  },
  { flags: '--store <folder>', description: 'folder for state, keys and certificates (default: /var/lib/certfleet)' },
  { flags: '--json', description: 'one JSON event per line on stdout, for programs' },
  { flags: '--quiet', description: 'say nothing but failures: for cron' },
  { flags: '-v, --verbose', description: 'show each step and each request, with its status and time' },
  { flags: '--log-file <file>', description: 'add all of it to a file too, which only its owner may read' },
];

export const commandGroups: Readonly<Record<string, string>> = {
  config: 'check and describe the configuration',
};

export const commands: readonly Command[] = [
  {
    name: 'issue',
    summary: 'get a certificate now',
    description:
      'With -d, everything is given by flags and remembered, so that `certfleet renew` needs none of them again. Run it again ' +
      'with -d or with its name to change a setting: what no flag names stays as it is, and a new certificate is ordered only ' +
      'where one is needed. With names alone, or with nothing, the certificates declared in the configuration are issued; a ' +
      'name may also be one that was issued by flags.',
    arguments: {
      text: '[name...]',
      description: 'declared certificates, or ones issued by flags before (default: all declared)',
    },
    flags: [
      {
        flags: '-d, --identifier <names>',
        description: 'DNS name, *.wildcard or IP address; repeat it or use commas',
        list: true,
        aliases: ['--domains', '--domain'],
      },
      { flags: '--name <name>', description: 'what to call the certificate (default: its first identifier)' },
      {
        flags: '--http <how>',
        description:
          'answer over HTTP: standalone[:ADDRESS:PORT], webroot:FOLDER[,FOLDER], or a declared solver (default: the only declared one, else standalone)',
      },
      {
        flags: '--dns <provider>',
        description: 'answer over DNS: a DNS provider (`certfleet providers`) or a declared solver',
      },
      {
        flags: '--dns-option <key=value>',
        description: 'an option of the DNS provider; secrets as key=file:/path or key=env:NAME',
        repeat: true,
      },
      {
        flags: '--issuer <ca>',
        description:
          'letsencrypt, letsencrypt-staging, a directory URL, or a declared issuer (default: the only declared one, else letsencrypt)',
      },
      { flags: '--email <address>', description: 'where the CA may write to; `none` for nowhere', list: true },
      { flags: '--agree-tos', description: 'you have read the CA’s terms of service and agree' },
      { flags: '--ca-file <file>', description: 'PEM file with the roots of a private CA’s own HTTPS' },
      {
        flags: '--profile <name>',
        description: 'certificate profile of the CA, for instance shortlived; `none` for the CA’s own choice',
      },
      {
        flags: '--staging',
        description: 'try it with the CA’s test directory, as <name>~staging; nothing is deployed',
      },
      { flags: '--dry-run', description: 'the same as --staging' },
      {
        flags: '--deploy <target>',
        description: 'files:FOLDER or a declared deployer; repeat it for several; `none` for no target',
        list: true,
      },
      {
        flags: '--endpoint <host:port>',
        description: 'look there over TLS after deploying; `none` for nowhere',
        list: true,
      },
      { flags: '--force', description: 'issue even where the certificate is not due' },
      {
        flags: '--ignore-preflight',
        description: 'ask the CA although a look from here says that it will refuse (for instance behind a NAT)',
      },
      { flags: '--new-account', description: 'open a new account where the CA says that yours is deactivated' },
      {
        flags: '--resolver <address>',
        description: 'DNS resolver for the checks before the order; `none` for this machine’s own',
        list: true,
      },
      {
        flags: '--http01-port <port>',
        description: 'port that the CA asks for HTTP-01 (default: 80; only test CAs differ)',
      },
    ],
    examples: [
      { line: 'certfleet issue -d www.example.com --agree-tos --staging', why: 'try it first: a test certificate' },
      {
        line: 'certfleet issue -d www.example.com --agree-tos --deploy files:/etc/certs',
        why: 'the real one, into files',
      },
      {
        line: 'certfleet issue www.example.com --deploy files:/srv/certs',
        why: 'change one setting of it; the others stay',
      },
      { line: "certfleet issue -d example.com,'*.example.com' --dns rfc2136 --agree-tos", why: 'a wildcard, over DNS' },
    ],
    load: async () => (await import('./issue.ts')).issue,
  },
  {
    name: 'renew',
    summary: 'renew and deliver whatever is due (for cron)',
    description:
      'One pass over every certificate. It does nothing for those that are not due, and waits longer after each failure.',
    arguments: { text: '[name...]', description: 'only these certificates' },
    flags: [
      { flags: '--name <name>', description: 'only this certificate', list: true },
      { flags: '--force', description: 'renew even what is not due' },
      { flags: '--redeploy', description: 'deliver the current certificates again to every target, without an order' },
    ],
    examples: [{ line: 'certfleet renew --quiet', why: 'once an hour from cron' }],
    load: async () => (await import('./renew.ts')).renew,
  },
  {
    name: 'status',
    summary: 'show all certificates and what comes next',
    arguments: { text: '[name...]', description: 'only these certificates' },
    flags: [],
    load: async () => (await import('./status.ts')).status,
  },
  {
    name: 'show',
    summary: 'show all that is known of one certificate',
    arguments: { text: '<name>', description: 'its name, as `certfleet status` lists it' },
    flags: [],
    load: async () => (await import('./show.ts')).show,
  },
  {
    name: 'delete',
    summary: 'remove a certificate, its keys and its settings from the store',
    description:
      'Cleans up what its journal owes, then deletes it. It is refused while a target has the certificate or another process ' +
      'works on it. What was delivered stays where it is, and nothing is revoked.',
    arguments: { text: '[name]', description: 'its name, as `certfleet status` lists it' },
    flags: [
      { flags: '--name <name>', description: 'the same', aliases: ['--cert-name'] },
      {
        flags: '--force',
        description: 'also where a target has it, or where something it left in the world cannot be removed',
      },
    ],
    examples: [
      {
        line: 'certfleet issue www.example.com --deploy none --endpoint none',
        why: 'first: it has no targets any more',
      },
      { line: 'certfleet delete www.example.com', why: 'then it can go' },
    ],
    load: async () => (await import('./delete.ts')).deleteCertificate,
  },
  {
    name: 'sweep',
    summary: 'clean up what a killed process has left',
    description:
      'Removes TXT records, token files and child processes of runs that were killed. `issue` and `renew` do it too.',
    flags: [],
    load: async () => (await import('./sweep.ts')).sweep,
  },
  {
    name: 'providers',
    summary: 'list DNS providers, solvers, deployers and CAs',
    arguments: { text: '[id]', description: 'one of them, with all its options' },
    flags: [],
    load: async () => (await import('./providers.ts')).providers,
  },
  {
    name: 'explain',
    summary: 'explain an error code',
    arguments: { text: '<code>', description: 'the code, as it stands under an error' },
    flags: [],
    examples: [{ line: 'certfleet explain preflight/no', why: 'what it means, and whether it is tried again' }],
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'config check',
    summary: 'list every problem of the configuration, with its line',
    flags: [],
    load: async () => (await import('./configuration.ts')).checkConfig,
  },
  {
    name: 'config schema',
    summary: 'print its JSON schema, for editors',
    flags: [],
    load: async () => (await import('./configuration.ts')).printSchema,
  },
  {
    name: 'config example',
    summary: 'print a commented example',
    flags: [],
    examples: [{ line: 'certfleet config example > certfleet.yaml', why: 'begin with it' }],
    load: async () => (await import('./configuration.ts')).printExample,
  },
];
