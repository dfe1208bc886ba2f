import type { Place } from '../../clients/postgres/place.ts';
import { PostgresFailure } from '../../clients/postgres/postgres-failure.ts';
import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import { identifier } from './names.ts';

/** What a message says of a store in a database. */
export interface Where {
  /** The place with the schema. */
  readonly path: string;
  readonly place: Place;
  readonly schema: string;
  /** The table, or the view that a responder may read. */
  readonly relation: 'document' | 'token';
}

/** Turns what the server or the network said into an error of the table; returns other errors unchanged. */
export function worded(error: unknown, where: Where): unknown {
  if (!(error instanceof PostgresFailure)) return error;
  const { path } = where;
  const { outcome, state = '', message: reason } = error;
  const options = { cause: error };
  if (error.isOfEncryption) return fail('store/tls-refused', { path, reason }, options);
  if (outcome === 'moved' || isStandby(error))
    return fail('store/read-only', { path, reason: 'it takes no writes (a standby?)' }, options);
  if (state.startsWith('28') || state === '3D000') return fail('store/login-refused', { path, reason }, options);
  if (state === '42501') return rightMissing(reason, where, options);
  if (['42P01', '3F000', '42703'].includes(state)) return gone(where, reason, options);
  if (outcome !== 'refused') return fail('store/unreachable', { path, reason }, options);
  return fail(
    'store/unusable',
    { path, reason, advice: advices[state] ?? 'See the log of the database server.' },
    options,
  );
}

/** Disk full, out of memory, configuration limits, an index or a page that is damaged. */
const advices: Readonly<Record<string, string>> = {
  '53100': 'Make room on the disk of the database server. Nothing in the store is lost.',
  '53200': 'The database server is out of memory.',
  XX001: 'The database reports damaged data: check the disk of its server, and restore a backup.',
  XX002: 'The database reports a damaged index: check the disk of its server, and run `reindex`.',
};

const isStandby = ({ state, message }: PostgresFailure): boolean =>
  state === '55000' && message.includes('recovery is in progress');

export const gone = (
  { path, schema }: Where,
  reason = 'it is another store than the one that this process opened',
  options = {},
): CertfleetError =>
  fail(
    'store/unusable',
    {
      path,
      reason,
      advice: `Look at the schema "${schema}" of this database: somebody has dropped or replaced it, or the address leads to another database now. Then start certfleet again.`,
    },
    options,
  );

/** What a role lacks, by the words of the server: `permission denied for table document`. */
function rightMissing(reason: string, { path, place, schema, relation }: Where, options: { readonly cause: unknown }) {
  const [of, role] = [identifier(schema), identifier(place.user)];
  const [, kind = ''] = /permission denied for (\w+)/.exec(reason) ?? [];
  const grants: Readonly<Record<string, string>> = {
    database: `create schema ${of} authorization ${role}`,
    schema: `grant usage, create on schema ${of} to ${role}`,
    table: `grant select, insert, update, delete on all tables in schema ${of} to ${role}`,
  };
  const ofResponder = `grant usage on schema ${of} to ${role}; grant select on ${of}.token to ${role}`;
  const advice = relation === 'token' ? ofResponder : (grants[kind] ?? `alter schema ${of} owner to ${role}`);
  return fail('store/right-missing', { path, role: place.user, reason, advice }, options);
}
