import type { Value } from '../clients/postgres/connection.ts';
import { defaultPort, nameOf, type Place, parseUrl } from '../clients/postgres/place.ts';
import { createPool } from '../clients/postgres/pool.ts';
import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { checkDocument } from '../core/lineage/document-limits.ts';
import { defineStore, portNumber, type StoreContext, secret, wholePath, z } from '../define.ts';
import type { Key, Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';
import { createChanges } from './postgres/changes.ts';
import { checkDatabase } from './postgres/check.ts';
import type { Where } from './postgres/failures.ts';
import { bytesOf, fromBase64, isRevision, noRevision, revisionFrom } from './postgres/names.ts';
import { list, scan } from './postgres/pages.ts';
import { responderRole } from './postgres/responder-role.ts';
import { createTable } from './postgres/table.ts';

const urlProblem = (url: Secret): string | undefined => {
  // A check of the configuration does not read the secret.
  const parsed = url.reveal() === '' ? undefined : parseUrl(url.reveal());
  return typeof parsed === 'string' ? parsed : undefined;
};

const options = z
  .strictObject({
    url: secret('The address of the database, with the role to log in as')
      .refine((url) => urlProblem(url) === undefined, { error: ({ input }) => urlProblem(input as Secret) })
      .optional(),
    password: secret('The password of the role, if the URL has none').optional(),
    socket: wholePath()
      .optional()
      .meta({ title: 'The folder of the server’s Unix socket, instead of a URL', examples: ['/var/run/postgresql'] }),
    port: portNumber()
      .optional()
      .meta({ title: 'The port that the name of the socket ends with, if not 5432', needs: ['socket'] }),
    user: z
      .string()
      .min(1)
      .optional()
      .meta({ title: 'The role to log in as over a Unix socket', needs: ['socket'] }),
    database: z
      .string()
      .min(1)
      .optional()
      .meta({ title: 'The database, over a Unix socket', needs: ['socket'] }),
    schema: z
      .string()
      .regex(/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/, {
        error: 'expected a name of small letters, digits and _, which does not begin with pg_',
      })
      .default('certfleet')
      .meta({ title: 'The schema of the store’s tables; it is made with the store' }),
    tls: z
      .enum(['verified', 'off'])
      .default('verified')
      .meta({ title: 'Whether a connection to a host is encrypted, and the server’s certificate verified' }),
    caFile: wholePath().optional().meta({ title: 'A PEM file with more roots, if the server has a private CA' }),
    plaintext: z.boolean().default(false).meta({ title: 'Store private keys unencrypted if there is no `storeKey`' }),
  })
  .refine(({ url, socket }) => (url === undefined) !== (socket === undefined), {
    error: 'needs either `url` or `socket`',
  })
  .refine(({ socket, user, database }) => socket === undefined || (user !== undefined && database !== undefined), {
    error: 'a `socket` needs `user` and `database`, too',
  });

type Options = z.infer<typeof options>;

export default defineStore({
  id: 'postgres',
  title: 'PostgreSQL',
  homepage: 'https://www.postgresql.org',
  since: '0.1.0',
  options,
  notes: `\`\`\`yaml
store:
  type: postgres
  url: env:DATABASE_URL   # postgres://certfleet:PASSWORD@db.example.com/certfleet
storeKey: "file:/etc/certfleet/store.key"
\`\`\`

PostgreSQL 13 or later. The database exists already; the first command that makes a store makes the schema and its tables, for which the role needs the right \`create\` on the database, or owns the schema: \`create schema certfleet authorization certfleet\`. Several machines may share it, with one \`storeKey\`, and it is backed up with the database, or by \`certfleet backup\`. Who can write it can run commands as the user that runs certfleet.

A connection to a host is encrypted, and the server’s certificate verified, also its name; passwords go by SCRAM if the server asks for it. A process has up to ten connections, mostly one. PgBouncer may stand before the server, also in transaction mode. After a fail-over, the address must lead to the new primary. If the server refuses the password, certfleet reads it again: write a new one into the file that \`url\` or \`password\` names, and it is taken without a restart. \`certfleet doctor --store\` tells why the store cannot be used.`,
  connect: ({ options: given, world, reread }) => ({
    ...openPostgresStore(lastingPlace(given, reread), given.schema, world),
    demandsKey: !given.plaintext,
  }),
  connectTokens: ({ options: given, world, reread }) =>
    openPostgresStore(lastingPlace(given, reread), given.schema, world, 'token'),
  responderRole: ({ schema }, role) => responderRole(schema, role),
});

function placeOf({
  url,
  password,
  socket = '',
  port = defaultPort,
  user = '',
  database = '',
  ...rest
}: Options): Place {
  const parsed = url === undefined ? undefined : parseUrl(url.reveal());
  const { tls, caFile } = rest;
  if (typeof parsed === 'string') throw fail('config/invalid', { file: 'store', problem: parsed });
  const parts = parsed ?? { host: socket, port, user, database, password: undefined };
  return {
    ...{ host: parts.host, port: parts.port, user: parts.user, database: parts.database },
    password: parts.password === undefined ? password : new Secret(parts.password),
    tls: parsed ? tls : 'off',
    caFile,
    name: nameOf(parts),
  };
}

/** Returns the place, which knows how to read its password again. */
function lastingPlace(given: Options, reread: StoreContext<Options>['reread']): Place {
  const place = placeOf(given);
  const rereadPassword = async () => {
    const now = placeOf((await reread?.()) ?? given);
    // Another role or database is another store, for which certfleet must be started again.
    return now.name === place.name ? now.password : place.password;
  };
  return { ...place, rereadPassword };
}

/**
 * Compare-and-set by one statement, on the revision, which the client chooses. If its answer is lost, the same statement
 * is sent again: it finds the old revision or its own (decision 0045).
 */
export function openPostgresStore(
  place: Place,
  schema: string,
  world: Pick<World, 'clock' | 'random'>,
  relation: Where['relation'] = 'document',
): Store {
  const path = schema === 'certfleet' ? place.name : `${place.name} (schema ${schema})`;
  const where: Where = { path, place, schema, relation };
  const pool = createPool(place, world);
  const table = createTable(pool, where);

  const conflict = ({ kind, name }: Key): CertfleetError => fail('store/conflict', { key: `${kind}/${name}` });
  const newRevision = (): string => revisionFrom(world.random.bytes(16));

  /** What a write did, and what was there when it began: undefined if there was no row. */
  async function write(text: string, values: readonly Value[], signal: AbortSignal) {
    const { rows, isRepeated } = await table.write(text, values, signal);
    const [row] = rows;
    const revision = row?.['revision'];
    const before = revision ? { revision, isDeleted: row['deleted'] === 'true' } : undefined;
    return { done: row?.['done'] !== '0', before, isRepeated };
  }

  const replace = (
    { kind, name }: Key,
    bytes: Uint8Array | null,
    { old, revision }: { readonly old: string; readonly revision: string },
    signal: AbortSignal,
  ) => write(table.statements.replace, [kind, bytesOf(name), revision, bytes, old], signal);

  async function create(key: Key, bytes: Uint8Array, signal: AbortSignal): Promise<string> {
    await table.make(signal);
    const revision = newRevision();
    const values = [key.kind, bytesOf(key.name), revision, bytes, table.anchor ?? null];
    const { done, before, isRepeated } = await write(table.statements.create, values, signal);
    if (done) return revision;
    // Others may have deleted what an answer was lost of.
    if (!before?.isDeleted || isRepeated) throw conflict(key);
    // The row of a deleted document is also replaced by its revision, so that a statement that the server executes late
    // brings nothing back.
    if (!(await replace(key, bytes, { old: before.revision, revision }, signal)).done) throw conflict(key);
    return revision;
  }

  return {
    location: path,
    hasCheapChanges: true,
    async get(key, signal) {
      signal.throwIfAborted();
      checkDocument(key);
      if (!(await table.isThere(signal))) return undefined;
      const [row] = await table.read(table.statements.get, [key.kind, bytesOf(key.name)], signal);
      if (!row?.['revision']) return undefined;
      return { key, revision: row['revision'], bytes: fromBase64(row['bytes']) };
    },
    async put(key, bytes, { ifRevision, signal }) {
      signal.throwIfAborted();
      checkDocument(key, bytes);
      if (ifRevision === null) return create(key, bytes, signal);
      if (!isRevision(ifRevision) || !(await table.isThere(signal))) throw conflict(key);
      const revision = newRevision();
      if (!(await replace(key, bytes, { old: ifRevision, revision }, signal)).done) throw conflict(key);
      return revision;
    },
    async delete(key, { ifRevision, signal }) {
      signal.throwIfAborted();
      checkDocument(key);
      if (!(await table.isThere(signal))) return;
      const old = isRevision(ifRevision) ? ifRevision : noRevision;
      const revision = newRevision();
      for (;;) {
        const { done, before } = await replace(key, null, { old, revision }, signal);
        if (done || before === undefined || before.isDeleted) return;
        // If it was this revision when the statement began, another write came between, and may have deleted it.
        if (before.revision !== old) throw conflict(key);
      }
    },
    scan: (kind, signal, isKnown) => scan(table, kind, signal, isKnown),
    changes: createChanges(table, where),
    // One statement, which finds nothing.
    followMs: 2_000,
    list: (kind, signal) => list(table, kind, signal),
    async exists(signal) {
      signal.throwIfAborted();
      if (!(await table.isThere(signal))) return false;
      if (relation === 'token') return true;
      return (await table.read(table.statements.exists, [], signal))[0]?.['exists'] === 'true';
    },
    async anchor(key, signal) {
      if (!(await table.isThere(signal))) return;
      const [row] = await table.read(table.statements.get, [key.kind, bytesOf(key.name)], signal);
      if (row?.['revision']) table.hold(key, row['revision']);
    },
    check: (signal) => checkDatabase(table, where, signal),
    async now(signal) {
      signal.throwIfAborted();
      const [row] = await table.read(
        'select (extract(epoch from clock_timestamp()) * 1000)::bigint::text as ms',
        [],
        signal,
      );
      return new Date(Number(row?.['ms']));
    },
    async tidy(signal) {
      if (await table.isThere(signal)) await table.write(table.statements.tidy, [], signal);
    },
    close: () => pool.close(),
  };
}
