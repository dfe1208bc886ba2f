import type { Run } from '../context.ts';
import type { Typed } from '../program.ts';
import { commandsOfAccounts } from './accounts/commands.ts';
import { commandsOfChallenges } from './challenges/commands.ts';
import { commandsOfLife } from './life/commands.ts';
import { commandsOfMachine } from './machine.ts';
import { commandsOfMoving } from './moving/commands.ts';
import { commandsOfOrders } from './orders/commands.ts';
import { commandsOfPeople } from './people/commands.ts';
import { commandsOfStore } from './store/commands.ts';

/** A command of the command line, as data for the parser, the help and docs/reference/cli.md. */
export interface Command {
  /** The name as typed. A command in a group contains a space: `config check`. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly arguments?: { readonly text: string; readonly description: string };
  readonly flags: readonly Flag[];
  /** Its group alone means this command. */
  readonly isDefault?: true;
  readonly examples?: readonly { readonly line: string; readonly why: string }[];
  /** Set if the command may ask a person at the terminal to add a record by hand. */
  readonly asksPerson?: true;
  /** What remains after a signal, in words, if the command's work is not journalled. */
  readonly ifStopped?: string;
  /** It goes on until a signal ends it, so its output is a log. */
  readonly isService?: true;
  /** @param parse parses another command line, for commands that stand for others */
  load(parse: (argv: readonly string[]) => Typed): Promise<Run>;
}

export interface Flag {
  /** In commander's notation: `-d, --identifier <names>`. */
  readonly flags: string;
  readonly description: string;
  /** All accepted values, for shell completion. */
  readonly values?: readonly string[];
  /** May be repeated, and split at commas. */
  readonly list?: boolean;
  /** May be repeated, but is not split at commas. */
  readonly repeat?: boolean;
  /** Other long names. */
  readonly aliases?: readonly string[];
}

export const globalFlags: readonly Flag[] = [
  {
    flags: '--config <file>',
    description:
      'configuration file (default: /etc/certfleet/certfleet.yaml, if it exists); the files in certfleet.d beside it belong to it',
  },
  { flags: '--store <folder>', description: 'folder for state, keys and certificates (default: /var/lib/certfleet)' },
  {
    flags: '--store-key <where>',
    description:
      'key of an encrypted store: file:/path, env:NAME or credential:NAME (of systemd); of several, the first one encrypts',
    repeat: true,
  },
  {
    flags: '--node <name>',
    description: 'name of this node among those that share the store (default: the host name)',
  },
  { flags: '--json', description: 'print one JSON event per line on stdout, for programs' },
  { flags: '--quiet', description: 'print only failures, for cron' },
  { flags: '-v, --verbose', description: 'show each step, and each request with its status and time' },
  { flags: '--log-file <file>', description: 'append every step and request to a file that only its owner may read' },
  {
    flags: '--lang <language>',
    description:
      'language of failures, of what to do about them, of what is known of CAs and of `explain`: en or zh (default: as LC_ALL, LC_MESSAGES or LANG say)',
  },
];

export const commandGroups: Readonly<Record<string, string>> = {
  account: 'show and change accounts at CAs',
  alarms: 'show open alarms, and try what sends them',
  balancer: 'try a load balancer',
  config: 'check and describe the configuration',
  dns: 'try a DNS provider',
  node: 'forget a node that is gone',
  store: 'check and encrypt the store',
  token: 'make and remove API tokens',
  user: 'add and remove users of the pages',
};

export const commands: readonly Command[] = [
  ...commandsOfOrders,
  {
    name: 'status',
    summary: 'show all certificates and what comes next',
    description:
      'Private keys are opened only for certificates that are named; `certfleet store check` reads all. Exits with 7 if the store is damaged.',
    arguments: { text: '[name...]', description: 'only these certificates (default: all)' },
    flags: [],
    load: async () => (await import('./look/status.ts')).status,
  },
  {
    name: 'health',
    summary: 'ask `certfleet run` how it is, for the health check of a container',
    description:
      'Asks it where `listen` says (or the variable CERTFLEET_LISTEN): whether its loop turns and the store can be read. While the configuration is not valid, it asks where the variable says, or where `listen` said last. Exits with 4 if not, or if it does not answer.',
    flags: [
      { flags: '--ready', description: 'ask whether it takes care of the certificates, which needs more' },
      { flags: '--role <role>', description: 'responder: ask the responder, where CERTFLEET_LISTEN says' },
    ],
    examples: [{ line: 'certfleet health', why: 'in a container, without curl' }],
    load: async () => (await import('./look/health.ts')).health,
  },
  {
    name: 'show',
    summary: 'show everything about one certificate',
    description:
      'Or its last runs: when each was and what began it, its steps and targets, and what the CA said. Runs that did nothing are not kept, and failures that repeat count as one.',
    arguments: { text: '<name>', description: 'name of the certificate, as `certfleet status` shows it' },
    flags: [{ flags: '--history', description: 'show what its last 20 runs did, the latest first' }],
    examples: [{ line: 'certfleet show abc --history', why: 'what happened to it, and how long that took' }],
    load: async () => (await import('./look/show.ts')).show,
  },
  {
    name: 'plan',
    summary: 'show which certificates will be ordered, when and why',
    description:
      'What `certfleet renew`, run every hour, will do: first issues, renewals and the renewals after them, and what waits ' +
      'for a rate limit, for the CA, or after a failure. It assumes that every order succeeds. Below, the orders of each ' +
      'day. Nothing is written, and no CA is asked. Exits with 7 if the store is damaged.',
    arguments: { text: '[name...]', description: 'only these certificates (default: all)' },
    flags: [{ flags: '--until <duration>', description: 'how far to look ahead, from 1h to 731d (default: 90d)' }],
    examples: [{ line: 'certfleet plan --until 30d', why: 'the orders of the next month' }],
    load: async () => (await import('./look/plan.ts')).plan,
  },
  {
    name: 'limits',
    summary: 'show what is left of the CAs’ rate limits',
    description:
      'For each CA whose limits are known: how many orders or certificates are left, when the next one is allowed, when all ' +
      'are left again, and which certificates used them up. Shows an account’s orders, and what is not full (a set of names from its second certificate on); with names or ' +
      '--all, the others too. This is certfleet’s own count: nothing is written, and no CA is asked.',
    arguments: { text: '[name...]', description: 'all limits that orders of these certificates meet' },
    flags: [
      {
        flags: '--issuer <ca>',
        description: 'only this CA: a declared issuer, a name of `certfleet issuers` or a directory URL',
        aliases: ['--ca'],
      },
      { flags: '--all', description: 'also what is full' },
    ],
    examples: [{ line: 'certfleet limits www.example.com', why: 'whether this certificate could be ordered now' }],
    load: async () => (await import('./look/limits.ts')).limits,
  },
  ...commandsOfLife,
  {
    name: 'node forget',
    summary: 'forget a node that is gone for good',
    description:
      'Each node that runs certfleet with the store is known by its name, and `certfleet status` shows what it lacks. ' +
      'This removes a node from the list, with the copies of keys that commands got there. Nothing on the node itself ' +
      'is changed; it is known again after its next run.',
    arguments: { text: '<name>', description: 'name of the node, as `certfleet status` shows it' },
    flags: [],
    examples: [{ line: 'certfleet node forget web-3', why: 'the machine was switched off for good' }],
    load: async () => (await import('./look/nodes.ts')).forgetNode,
  },
  {
    name: 'sweep',
    summary: 'clean up after killed processes',
    description:
      'Removes TXT records, token files and forward rules of runs that were killed, and ends solver hooks that still run. The command of ' +
      'a deployer is not ended. Finishes their deliveries to targets that all nodes share, or that are on this machine. ' +
      '`renew` does this, too. With --lost, it lists what carries certfleet’s mark at load balancers and their ' +
      'certificate services, and that no journal of this store knows, for instance because its store was lost. That needs ' +
      'no store: without one, it looks at the balancers and deployers of the configuration.',
    flags: [
      { flags: '--lost', description: 'list what no journal of this store knows, and remove nothing' },
      { flags: '--owner <id>', description: 'with --lost: remove what belongs to this owner' },
      {
        flags: '--older-than <duration>',
        description:
          'with --owner: only what should have been gone for so long, such as 1d or 12h; required if the owner is another installation, unless --gone is given',
      },
      {
        flags: '--gone',
        description:
          'with --owner: that installation no longer exists, for instance because its store was lost: remove all that it left, however young',
      },
    ],
    examples: [
      { line: 'certfleet sweep --lost', why: 'show left-overs of lost stores' },
      { line: 'certfleet sweep --lost --owner 0123456789ab --older-than 1d', why: 'remove those of one of them' },
      {
        line: 'certfleet sweep --lost --owner 0123456789ab --gone',
        why: 'remove them at once, because that store was lost and no process uses it',
      },
    ],
    load: async () => (await import('./look/sweep.ts')).sweep,
  },
  {
    name: 'doctor',
    summary: 'draw the path of the CA’s request for a certificate, and say where it breaks; or look at the store',
    description:
      'For each identifier: the addresses, the load balancer’s listener, the rule that wins for the challenge path, the ' +
      'servers behind it, the responder, and the answer at every address; with DNS-01 the aliases, the zone and its ' +
      'servers. It changes nothing (it listens on the responder’s port until it ends), and requests nothing from ' +
      'link-local, metadata or, unless preflight.resolvers is set, private addresses. ✓ is well, ? cannot be told from ' +
      'here, ✗ is broken. Without a name (also as `doctor --store`), it tells whether the store can be used, and why not. Exits with 0 if nothing is broken, else with the code of what is: 2 settings, 3 the answer by ' +
      'the public path, 5 DNS, the load balancer or the responder, 7 the store.',
    arguments: { text: '[name...]', description: 'certificates that are declared or stored' },
    flags: [],
    examples: [
      { line: 'certfleet doctor www.example.com', why: 'find out why the CA does not get the answer' },
      { line: 'certfleet doctor --store', why: 'find out why the store cannot be used' },
    ],
    load: async () => (await import('./look/doctor.ts')).doctor,
  },
  ...commandsOfChallenges,
  ...commandsOfMoving,
  ...commandsOfAccounts,
  ...commandsOfStore,
  ...commandsOfPeople,
  {
    name: 'providers',
    summary: 'list DNS providers, solvers, deployers and CAs',
    description:
      'With an id, it shows one of them: its options, the environment variables and keys of a file with credentials that ' +
      'give them, where to get a key and what that must be allowed to do, and an example for certfleet.yaml. Any other ' +
      'word is searched for, also among the names that other clients use.',
    arguments: { text: '[word]', description: 'the id of one, or a word to search for' },
    flags: [],
    examples: [
      { line: 'certfleet providers rfc2136', why: 'what a DNS provider needs' },
      { line: 'certfleet providers alibaba', why: 'everything for one vendor' },
    ],
    load: async () => (await import('./look/providers.ts')).providers,
  },
  {
    name: 'dns test',
    summary: 'try a DNS provider, without a certificate',
    description:
      'Adds a TXT value at a random name in the zone, waits until every authoritative server answers with it, removes it, ' +
      'and prints how long each step took. No CA is asked. Exits with 2 if an option is missing or wrong, with 5 if the provider or a name server refused or failed. If the test is stopped or fails, it removes the value; if it ' +
      'is killed, `certfleet sweep` or the next test does, if there is a store.',
    arguments: {
      text: '<provider> <zone>',
      description: 'a DNS provider (see `certfleet providers`) or a declared solver, and the domain to try it with',
    },
    flags: [
      {
        flags: '--credentials <file>',
        description: 'file with the provider’s credentials, as certbot and others have it',
      },
      {
        flags: '--dns-option <key=value>',
        description: 'option of the DNS provider; for a secret, key=file:/path or key=env:NAME',
        repeat: true,
      },
      {
        flags: '--record <name>',
        description: 'add the value at this name, such as _acme-challenge.example.com, in place of a random one',
      },
      {
        flags: '--nameserver <address>',
        description: 'ask these servers of the zone, and do not look for them',
        list: true,
      },
    ],
    examples: [
      { line: 'certfleet dns test rfc2136 example.com', why: 'with options from the environment' },
      {
        line: 'certfleet dns test dns example.com --config certfleet.yaml',
        why: 'the solver `dns` that certfleet.yaml declares',
      },
    ],
    asksPerson: true,
    load: async () => (await import('./challenges/dns-test.ts')).dnsTest,
  },
  {
    name: 'balancer test',
    summary: 'try a load balancer, without a certificate',
    description:
      'Adds a forward rule for an unused random path, waits until the load balancer finds the responder ' +
      'healthy, requests the path through the load balancer, removes the rule, and prints how long each step took. No CA ' +
      'is asked. The rule has the form in which an order would add it, so it takes no other traffic. Exits with 3 if the ' +
      'answer is wrong, with 5 if the load balancer or the responder refused or failed. If the test is stopped or fails, ' +
      'it removes the rule; if it is killed, `certfleet sweep` or the next test does, if there is a store.',
    arguments: {
      text: '<balancer> [host]',
      description:
        'one of `balancers`, or a solver behind it, and a host name that leads to it (default: no host, at the addresses ' +
        'that the load balancer reports)',
    },
    flags: [],
    examples: [
      {
        line: 'certfleet balancer test slb www.example.com --config certfleet.yaml',
        why: 'the balancer `slb` that certfleet.yaml declares',
      },
    ],
    load: async () => (await import('./challenges/balancer-test.ts')).balancerTest,
  },
  {
    name: 'alarms list',
    summary: 'show the alarms that are open',
    description:
      'What is worth waking a person for, since when, and what to do. An alarm is sent once, repeated each day, and ' +
      'resolved after two good looks. `certfleet alarms` alone does the same.',
    flags: [],
    isDefault: true,
    examples: [{ line: 'certfleet alarms', why: 'what is open now' }],
    load: async () => (await import('./look/alarms.ts')).listAlarms,
  },
  {
    name: 'alarms test',
    summary: 'send a test message to one of those who get alarms',
    description:
      'Sends one message to a notifier, which `alarms` in the configuration declares, and prints whether the service ' +
      'accepted it. It is sent at most once, so after a lost answer, look whether it has arrived. Exits with 2 if an ' +
      'option is missing or wrong, with 5 if the service could not be reached or refused the message.',
    arguments: { text: '<name>', description: 'one of `alarms` in the configuration' },
    flags: [],
    examples: [
      {
        line: 'certfleet alarms test ops --config certfleet.yaml',
        why: 'the notifier `ops` that certfleet.yaml declares',
      },
    ],
    load: async () => (await import('./look/alarms.ts')).testAlarms,
  },
  {
    name: 'explain',
    summary: 'explain an error code',
    arguments: { text: '[code]', description: 'the code shown below an error (default: list all codes)' },
    flags: [],
    examples: [{ line: 'certfleet explain preflight/no', why: 'what it means, and whether certfleet tries again' }],
    load: async () => (await import('./look/explain.ts')).explain,
  },
  ...commandsOfMachine(() => ({ commands, commandGroups, globalFlags })),
  {
    name: 'config check',
    summary: 'list every problem in the configuration, with its line',
    flags: [],
    load: async () => (await import('./look/configuration.ts')).checkConfig,
  },
  {
    name: 'config schema',
    summary: 'print the JSON schema of the configuration, for editors',
    flags: [],
    load: async () => (await import('./look/configuration.ts')).printSchema,
  },
  {
    name: 'config example',
    summary: 'print an example configuration, with comments',
    flags: [],
    examples: [{ line: 'certfleet config example > certfleet.yaml', why: 'start from the example' }],
    load: async () => (await import('./look/configuration.ts')).printExample,
  },
];
