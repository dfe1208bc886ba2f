import { fail } from '../../../core/errors/errors.ts';
import { notRenewedHere } from '../../../core/lineage/not-renewed.ts';
import type { Settings, StoredSpec } from '../../../core/spec/spec.ts';
import { targetNames } from '../../../core/spec/spec-parts.ts';
import { storedSpecOf } from '../../../core/spec/stored-spec.ts';
import { present } from '../../../core/text/present.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import type { Environment, Run, Session } from '../../context.ts';
import { configurationRequest } from '../../flags/configuration-path.ts';
import { certificateNames } from '../../flags/names.ts';
import { listOf } from '../../flags/values.ts';
import { reportStart, tellOutcomes } from '../../output/outcomes.ts';
import { registryOf } from '../../registry.ts';
import { confirmIssuer, reportChanges } from '../orders/issue.ts';

/** `certfleet edit NAME`: does what `issue NAME` with flags does, but in an editor. */
export const edit: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [name, another] = await certificateNames(session, [...args, ...listOf(flags['name'])]);
  if (name === undefined || another !== undefined)
    throw fail('usage/arguments', { what: 'one certificate to edit', form: 'certfleet edit NAME' });
  const settings = await session.settings();
  await refuseDeclared(session, settings, name);
  const fleet = await session.fleet({ makeStore: false });
  const found = await fleet.stored(name, session.signal);
  if (!found) {
    const { lineageNotFound } = await import('../../../core/names/not-found.ts');
    const names = (await fleet.status([], session.signal)).map((one) => one.name);
    throw lineageNotFound(name, names);
  }
  if (found.givenBack) throw fail('lineage/not-renewed', { name, ...notRenewedHere(found.givenBack) });
  if (found.origin === 'configuration')
    throw fail('lineage/not-renewed', {
      name,
      why: 'it was declared in a configuration that this command did not read',
      advice: 'Name that configuration with --config, and change the certificate there.',
    });
  const kept = found.spec;
  const env = { ...(await fleet.keptEnvironment(name, session.signal)), ...session.context.env };
  const wanted = await inEditor(session, kept, { preflight: settings.preflight, env });
  if (!wanted) {
    if (!session.quiet) session.print(`${name}: nothing was changed`);
    return 0;
  }
  await confirmIssuer(session, kept, wanted);
  await reportStart(session, 'edit');
  await reportChanges(session, { wanted, kept, isAdopted: false });
  const outcomes = await fleet.issue({ names: [], adHoc: wanted, force: false, staging: false }, session.signal);
  return tellOutcomes(outcomes, session, { command: 'issue', changes: true, targets: targetNames(wanted) });
};

/** Refuses to edit a declared certificate, and names the line of the configuration that declares it. */
async function refuseDeclared(session: Session, settings: Settings, name: string): Promise<void> {
  const at = settings.certificates.findIndex((certificate) => certificate.name === name);
  if (at < 0) return;
  const { checkConfiguration, placeText } = await import('../../../config/file/load.ts');
  const { place } = await checkConfiguration(await configurationRequest(session));
  const [found] = await place([{ path: ['certificates', at, 'name'], message: '' }]);
  throw fail('usage/declared', { name, where: ` (${placeText(found ?? {})})`, otherwise: '' });
}

interface Given extends Pick<Settings, 'preflight'> {
  /** The environment, with the secrets stored with the certificate. */
  readonly env: Environment;
}

/**
 * Resolves with the edited settings, or undefined if they are unchanged. Lets the person correct an invalid text, or
 * keeps the text in a file.
 */
async function inEditor(session: Session, kept: StoredSpec, given: Given): Promise<StoredSpec | undefined> {
  const open = session.context.editFile;
  if (!open)
    throw fail('usage/needs-terminal', {
      what: '`certfleet edit`',
      advice: 'Change settings with flags: certfleet issue NAME …',
    });
  const registry = await registryOf(session);
  const { editableText } = await import('../../../config/file/editable.ts');
  const original = await editableText(kept, registry);
  let text = original;
  for (let complaints: readonly string[] = []; ; ) {
    const edited = await open(withComplaints(text, complaints), session.signal);
    const isSame = withoutComplaints(edited.text) === withoutComplaints(text);
    const where = `what you wrote is in ${shellWord(edited.path)} until you delete it`;
    if (session.signal.aborted) {
      if (withoutComplaints(edited.text) === withoutComplaints(original)) await edited.remove();
      else session.note(`Note: ${where}.`);
      throw session.signal.reason;
    }
    text = withoutComplaints(edited.text);
    if (text.trim() === '' || text === withoutComplaints(original)) {
      await edited.remove();
      return undefined;
    }
    const checked = await check(session, text, kept.name, given);
    if ('wanted' in checked) {
      await edited.remove();
      return checked.wanted;
    }
    complaints = checked.complaints;
    for (const one of complaints) session.complain(one);
    const again = isSame ? 'n' : await askAgain(session, where);
    if (again === undefined || /^n/i.test(again)) throw fail('usage/edit-invalid', { name: kept.name, where });
    await edited.remove();
  }
}

/** @param where the path of the text, in case the person answers with Ctrl-C */
async function askAgain(session: Session, where: string): Promise<string | undefined> {
  try {
    return await session.context.ask?.('Edit it again? [Y/n] ', session.signal);
  } catch (error) {
    session.note(`Note: ${where}.`);
    throw error;
  }
}

async function check(
  session: Session,
  text: string,
  name: string,
  { preflight, env }: Given,
): Promise<{ readonly wanted: StoredSpec } | { readonly complaints: readonly string[] }> {
  const { checkConfiguration } = await import('../../../config/file/load.ts');
  const { files } = await session.world();
  const { registry } = session.context;
  const given = { files, env, text, ...present({ registry }) };
  const { settings, problems } = await checkConfiguration(given);
  if (!settings)
    return {
      complaints: problems.map(({ line, message }) => (line === undefined ? message : `line ${line}: ${message}`)),
    };
  const foreign = ofNoCertificate.exec(text)?.[1];
  if (foreign !== undefined)
    return { complaints: [`"${foreign}" is no setting of a certificate; it belongs in certfleet.yaml`] };
  const [spec, another] = settings.certificates;
  if (!spec || another) return { complaints: ['there must be exactly one certificate'] };
  if (spec.name !== name) return { complaints: [`a certificate cannot be renamed: its name is ${name}`] };
  const wanted = storedSpecOf(settings, spec);
  return { wanted: /^preflight:/m.test(text) ? wanted : { ...wanted, preflight } };
}

/** The settings of a configuration that are not stored with a certificate. */
const ofNoCertificate = /^(store|storeKey|node|shutdownBudget|leaseTtl|deployTimeout|deployDeadline):/m;

const mark = '#! ';
const withComplaints = (text: string, complaints: readonly string[]): string =>
  [...complaints.map((one) => mark + one.replaceAll('\n', ' ')), text].join('\n');
const withoutComplaints = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith(mark))
    .join('\n');
