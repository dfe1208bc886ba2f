/**
 * The statements. Each is a transaction of its own and leaves nothing in its session, so that a pooler may give every
 * transaction another one. Each also says which document the store is anchored at, so that an empty answer is never that
 * of another database.
 *
 * A write may be repeated although the first one had its effect, or still will: a revision that it replaces never
 * recurs, and a row with its own new revision is written again.
 *
 * @param table the table with its schema
 * @param anchor the kind and the key of the document that the store is anchored at, if it is
 */
export function createStatements(table: string, anchor?: { readonly kind: string; readonly key: string }) {
  const anchored = anchor
    ? `(select revision from ${table} where kind = '${anchor.kind}' and key = decode('${anchor.key}', 'hex') and bytes is not null)`
    : 'null::uuid';
  const anchorOf = `${anchor ? `${anchored}::text` : `''`} as anchor`;
  const changed = 'at = pg_current_xact_id(), written = now()';
  const whole = `encode(bytes, 'base64')`;

  return {
    get: `
select ${anchorOf}, d.revision::text as revision, ${whole} as bytes
from (select) one left join ${table} d on d.kind = $1 and d.key = sha256($2::bytea) and d.bytes is not null`,

    /** $1 kind, $2 name, $3 new revision, $4 bytes, $5 the anchor's revision or null. */
    create: `
with made as (
  insert into ${table} as d (kind, name, revision, bytes)
  select $1::text, $2::bytea, $3::uuid, $4::bytea where $5::uuid is null or $5::uuid = ${anchored}
  on conflict (kind, key) do update set ${changed} where d.revision = excluded.revision
  returning 1)
select ${anchorOf}, (select count(*)::text from made) as done, d.revision::text as revision, (d.bytes is null)::text as deleted
from (select) one left join ${table} d on d.kind = $1 and d.key = sha256($2::bytea)`,

    /** $1 kind, $2 name, $3 new revision, $4 bytes or null to delete, $5 the revision that is replaced. */
    replace: `
with made as (
  update ${table} set revision = $3::uuid, bytes = $4::bytea, ${changed}
  where kind = $1 and key = sha256($2::bytea) and revision in ($5::uuid, $3::uuid)
  returning 1)
select ${anchorOf}, (select count(*)::text from made) as done, d.revision::text as revision, (d.bytes is null)::text as deleted
from (select) one left join ${table} d on d.kind = $1 and d.key = sha256($2::bytea)`,

    /** $1 kind, $2 the key after which the page begins in hex, $3 rows, $4 up to which size bytes come with them. */
    page: `
with page as (
  select key, name, revision, bytes from ${table}
  where kind = $1 and bytes is not null and key > decode($2, 'hex')
  order by key limit $3)
select ${anchorOf}, encode(key, 'hex') as key, encode(name, 'base64') as name, revision::text as revision,
  octet_length(bytes)::text as size, case when octet_length(bytes) <= $4 then ${whole} end as bytes
from (select) one left join page on true order by page.key`,

    /** $1 kinds, $2 keys in hex. */
    some: `
select d.kind, encode(d.key, 'hex') as key, d.revision::text as revision, ${whole} as bytes
from unnest($1::text[], $2::text[]) as wanted (kind, key)
join ${table} d on d.kind = wanted.kind and d.key = decode(wanted.key, 'hex') and d.bytes is not null`,

    /**
     * $1 the snapshot of the look before or null, $2 kinds, $3 up to which size bytes come with the rows.
     *
     * Rows whose transaction that snapshot did not see are new: also those of a transaction that had begun before it and
     * ended after it. A table that was restored from a dump has transactions of another server, which may be ahead.
     */
    changes: (identity: string) => `
select ${anchorOf}, now.*, d.kind, encode(d.key, 'hex') as key, encode(d.name, 'base64') as name,
  d.revision::text as revision, d.at::text as at, octet_length(d.bytes)::text as size,
  case when octet_length(d.bytes) <= $3 then encode(d.bytes, 'base64') end as bytes
from (
  select pg_current_snapshot()::text as snapshot, ${identity} as identity,
    pg_is_in_recovery()::text as standby, extract(epoch from now())::bigint::text as seconds) now
left join ${table} d on d.at >= pg_snapshot_xmin($1::pg_snapshot)
  and not pg_visible_in_snapshot(d.at, $1::pg_snapshot)
  and d.at < pg_snapshot_xmax(pg_current_snapshot())
  and d.kind = any ($2::text[])`,

    exists: `select exists (select from ${table} where kind in ('meta', 'lineage') and bytes is not null)::text as exists`,

    tidy: `delete from ${table} where bytes is null and written < now() - interval '1 day'`,
  };
}

export type Statements = ReturnType<typeof createStatements>;

/**
 * Which server this is, and since when: after a fail-over, transactions may have numbers that others had before, and
 * some may be missing. A standby has another start time, and promotes itself to another timeline.
 */
export const identities = [
  `(select system_identifier from pg_control_system())::text || ' ' || case when pg_is_in_recovery() then 'standby' else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end || ' ' || extract(epoch from pg_postmaster_start_time())::text`,
  // For servers that do not tell users the rest.
  'extract(epoch from pg_postmaster_start_time())::text',
] as const;
