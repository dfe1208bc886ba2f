import { dirname } from 'node:path';
import { fail } from '../../../core/errors/errors.ts';
import { responderRoleOf, responderSecretOf } from '../../../whole-store.ts';
import type { Run } from '../../context.ts';
import { wholePathOf } from '../../flags/values.ts';
import { inOurFolder, refuseInStore } from './outside-store.ts';

const usualRole = 'certfleet_responder';

/** `certfleet store responder-role [ROLE]`: prints the statements. */
export const printResponderRole: Run = async (session) => {
  const [role = usualRole] = session.invocation.args;
  const form = 'a name of small letters, digits and _';
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(role)) throw fail('usage/invalid-value', { typed: role, form });
  const [settings, world] = await Promise.all([session.settings(), session.world()]);
  const sql = await responderRoleOf(settings, role, { world, env: session.context.env }, session.signal);
  if (sql === undefined)
    throw fail('usage/not-applicable', {
      typed: 'store responder-role',
      reason: 'only a store in a database has roles',
      advice: 'A responder on this store runs as a user who can read it.',
    });
  session.printJson({ object: 'responder-role', role, sql });
  session.printWhole(sql);
  session.note(
    `Next: run it as the owner of the database (\`certfleet store responder-role | psql …\`), and give the role its password (\`\\password ${role}\` in psql).`,
  );
  return 0;
};

/** `certfleet store responder-secret FILE`. */
export const writeResponderSecret: Run = async (session) => {
  const [given = ''] = session.invocation.args;
  const { context, reporter, signal } = session;
  const path = wholePathOf('', given, context.env);
  await refuseInStore(session, path, 'it is for a machine that does not read the store');
  const [settings, world] = await Promise.all([session.settings(), session.world()]);
  const secret = await responderSecretOf(settings, { world, reporter, env: context.env }, signal);
  await inOurFolder(session, dirname(path), { what: 'the secret', place: path }, async (inside) => {
    await inside.makeFolders(dirname(path), 0o755);
    if (!(await inside.create(path, `${secret.reveal()}\n`, { mode: 0o600 })))
      throw fail('usage/place-unwritable', { place: path, reason: 'it already exists' });
  });
  session.printJson({ object: 'responder-secret', path });
  session.print(`Wrote the secret of the responders to ${path}, which only its owner can read.`);
  session.note(
    `Next: bring it to the machines that run \`certfleet run --role responder\`, and add \`responderSecret: file:${path}\` to their certfleet.yaml.`,
  );
  return 0;
};
