import { identifier } from './names.ts';

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * The statements that make a role for responders, and can be run again. Who may make roles need not own the schema: the
 * role may exist already.
 */
export function responderRole(schema: string, role: string): string {
  const [of, to] = [identifier(schema), identifier(role)];
  return `do $certfleet$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = ${literal(role)}) then
    create role ${to} login;
  end if;
end
$certfleet$;
grant usage on schema ${of} to ${to};
grant select on ${of}.token to ${to};`;
}
