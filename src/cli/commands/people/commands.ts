import { roles } from '../../../core/access/role.ts';
import type { Command } from '../commands.ts';

const role = {
  flags: '--role <role>',
  description: 'viewer (looks), operator (renews, rolls back, revokes, declares) or admin (all, and users)',
  values: roles,
};
const passwordFile = {
  flags: '--password-file <file>',
  description: 'file with the password, which only you can read (default: ask at the terminal)',
};
const user = { text: '<name>', description: 'name of the user' };

/** Who may use pages and API. */
export const commandsOfPeople: readonly Command[] = [
  {
    name: 'user list',
    summary: 'list the users of the pages',
    flags: [],
    isDefault: true,
    load: async () => (await import('./user.ts')).listUsers,
  },
  {
    name: 'user add',
    summary: 'add a user of the pages',
    description: 'Asks for the password twice. It has at least 12 characters, and is stored as a hash (scrypt).',
    arguments: user,
    flags: [{ ...role, description: `${role.description} (default: viewer)` }, passwordFile],
    examples: [{ line: 'certfleet user add ann --role admin', why: 'the first user' }],
    load: async () => (await import('./user.ts')).addUser,
  },
  {
    name: 'user role',
    summary: 'change what a user may do',
    description: 'Ends the logins of the user. The last administrator stays one.',
    arguments: user,
    flags: [role],
    examples: [{ line: 'certfleet user role ann --role operator', why: 'ann must not change users any longer' }],
    load: async () => (await import('./user.ts')).setRole,
  },
  {
    name: 'user password',
    summary: 'set the password of a user',
    description: 'Ends the logins of the user.',
    arguments: user,
    flags: [passwordFile],
    load: async () => (await import('./user.ts')).setPassword,
  },
  {
    name: 'user remove',
    summary: 'remove a user of the pages',
    description: 'Ends the logins of the user, at other nodes within seconds. API tokens that the user made stay.',
    arguments: user,
    flags: [],
    load: async () => (await import('./user.ts')).removeUser,
  },
  {
    name: 'user link',
    summary: 'print a link that makes the first user of the pages',
    description: 'It is valid once, for 15 minutes, and only while there is no user. `certfleet run` prints one, too.',
    flags: [],
    load: async () => (await import('./user.ts')).printLink,
  },
  {
    name: 'token list',
    summary: 'list the API tokens',
    flags: [],
    isDefault: true,
    load: async () => (await import('./token.ts')).listTokens,
  },
  {
    name: 'token add',
    summary: 'make an API token, and print it once',
    description: 'The store keeps its hash alone. Programs send it as `Authorization: Bearer TOKEN`.',
    arguments: { text: '<name>', description: 'name of the token, for the list and the audit log' },
    flags: [
      { ...role, description: `${role.description} (default: viewer)` },
      {
        flags: '--scope <certificates>',
        description: 'only these certificates: names, or beginnings of names with a star, like shop-* (default: all)',
        list: true,
      },
      { flags: '--expires <duration>', description: 'how long it is valid, from 1m, such as 90d (default: for ever)' },
    ],
    examples: [
      {
        line: "certfleet token add ci --role operator --scope 'shop-*' --expires 90d",
        why: 'for a pipeline of the shop',
      },
    ],
    load: async () => (await import('./token.ts')).addToken,
  },
  {
    name: 'token remove',
    summary: 'remove an API token',
    arguments: { text: '<name>', description: 'name of the token' },
    flags: [],
    load: async () => (await import('./token.ts')).removeToken,
  },
  {
    name: 'audit',
    summary: 'show who did what on pages, API and with users',
    description: 'Logins, also refused ones, changes of users and tokens, and every action. Times are in UTC.',
    flags: [{ flags: '--since <duration>', description: 'how far to look back, from 1m to 3660d (default: 7d)' }],
    examples: [{ line: 'certfleet audit --since 30d', why: 'the last month' }],
    load: async () => (await import('./audit.ts')).showAudit,
  },
  {
    name: 'api',
    summary: 'ask the API of `certfleet run` on this machine',
    description:
      'Sends one request over the Unix socket among `pages.listen`, and prints the answer as JSON. Whoever may open the ' +
      'socket is an administrator. docs/reference/api.md has all paths. Exits with the code of the error that is ' +
      'answered, and with 4 if nothing answers.',
    arguments: { text: '<method> [path]', description: 'GET, POST or DELETE, and a path; a path alone means GET' },
    flags: [
      { flags: '--data <json>', description: 'what to send, as JSON' },
      { flags: '--field <name=value>', description: 'what to send, a text of a field at a time', repeat: true },
      {
        flags: '--if-match <etag>',
        description: 'act only if the certificate still has this revision, as GET shows it',
      },
    ],
    examples: [
      { line: 'certfleet api GET /certificates?state=failing', why: 'the certificates that fail, as JSON' },
      { line: 'certfleet api POST /certificates/www.example.com/renew', why: 'renew one now' },
    ],
    ifStopped: 'What the request has begun goes on in `certfleet run`.',
    load: async () => (await import('./api.ts')).api,
  },
];
