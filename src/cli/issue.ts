import { basename, isAbsolute } from 'node:path';
import { fail, isFailure } from '../core/errors.ts';
import type { Settings, StoredSpec } from '../core/spec.ts';
import type { Run, Session } from './context.ts';
import { wholePathOf } from './flag-values.ts';
import { describesCertificate, specFromFlags } from './flags.ts';
import { certificateNames } from './names.ts';
import { reportStart, tellOutcomes } from './outcomes.ts';

/** `certfleet issue`. */
export const issue: Run = async (session) => {
  const { args: typed, flags } = session.invocation;
  const args = certificateNames(typed);
  const settings = await session.settings();
  const dryRun = flags['dryRun'] === true;
  const staging = dryRun || flags['staging'] === true;
  const described = describesCertificate(flags);
  if (described && args.length > 0)
    throw fail('usage/invalid', {
      what: `"${typed[0]}" is read as the name of an existing certificate, and ${described} describes a new one: give its names with -d (-d ${typed[0]}), or leave the flags out`,
    });
  let adHoc: StoredSpec | undefined;
  if (described) adHoc = await specFromFlags(session, settings);
  else if (settings.certificates.length === 0 && args.length === 0)
    throw fail('identifier/empty-list', { certificate: 'the certificate' });
  if (adHoc && settings.certificates.some(({ name }) => name === adHoc.spec.name))
    throw fail('usage/invalid', {
      what: `"${adHoc.spec.name}" is declared in the configuration: change it there, or give another --name`,
    });
  if (staging) refuseWithoutTestDirectory(settings, adHoc, args);
  const makeStore = adHoc !== undefined || settings.certificates.length > 0;
  const fleet = await session.fleet({ makeStore }).catch((error: unknown) => {
    // A name alone, nothing declared, and no store: the name is what is wrong.
    throw isFailure(error, 'store/absent') ? fail('lineage/not-found', { name: args[0] ?? '', nearest: '' }) : error;
  });
  await reportStart(session, 'issue');
  const outcomes = await fleet.issue(
    {
      names: args,
      ...(adHoc ? { adHoc } : {}),
      force: flags['force'] === true,
      staging,
      ...(flags['ignorePreflight'] === true ? { ignorePreflight: true } : {}),
      ...(flags['newAccount'] === true ? { newAccount: true } : {}),
    },
    session.signal,
  );
  return tellOutcomes(outcomes, session, {
    command: 'issue',
    staging,
    dryRun,
    targets: adHoc?.spec.deploy,
    cronLine: staging ? undefined : cronLine(session, outcomes[0]?.certificate ?? ''),
  });
};

function refuseWithoutTestDirectory(settings: Settings, adHoc: StoredSpec | undefined, names: readonly string[]): void {
  const asked = adHoc
    ? [{ name: adHoc.spec.issuer, settings: adHoc.issuer }]
    : settings.certificates
        .filter(({ name }) => names.length === 0 || names.includes(name))
        .map(({ issuer }) => ({ name: issuer, settings: settings.issuers[issuer] }));
  const without = asked.find(
    (issuer) => issuer.settings && issuer.settings.testDirectory === undefined && !issuer.settings.test,
  );
  if (without) throw fail('config/no-test-directory', { issuer: without.name });
}

/**
 * Once an hour: `renew` costs next to nothing where nothing is due, and certificates of six days must not wait for a
 * night. The minute comes from the name, so that not all machines of the world call at the full hour.
 */
function cronLine({ context, invocation }: Session, name: string): string {
  const minute = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 60, 7);
  const { program } = context;
  const called =
    program !== undefined && isAbsolute(program) && basename(program) === 'certfleet' ? program : 'certfleet';
  const { config, store } = invocation.flags;
  const more = [
    // cron works in root's home: a relative path would lead elsewhere there.
    config === undefined ? '' : ` --config ${quoted(wholePathOf('--config ', String(config), context.env))}`,
    store === undefined ? '' : ` --store ${quoted(wholePathOf('--store ', String(store), context.env))}`,
  ];
  return `${minute} * * * * ${called} renew --quiet${more.join('')}`;
}

const quoted = (value: unknown): string =>
  /^[\w./:@-]+$/.test(String(value)) ? String(value) : `'${String(value).replaceAll("'", `'\\''`)}'`;
