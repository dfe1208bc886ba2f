import { secretProblems } from '../../../config/adapters/secret-problems.ts';
import { dropInFolder, misnamedDropIns } from '../../../config/file/drop-ins.ts';
import { type ConfigurationText, checkConfiguration, placeText } from '../../../config/file/load.ts';
import type { Settings } from '../../../core/spec/spec.ts';
import { counted } from '../../../core/text/counted.ts';
import { present } from '../../../core/text/present.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import type { Run, Session } from '../../context.ts';
import { configurationRequest } from '../../flags/configuration-path.ts';
import { registryOf } from '../../registry.ts';
import { caFileProblems, doubts, listedTwice, sameFiles, twins } from './settings-doubts.ts';

/** `certfleet config check`: prints every problem as `file:line: …`, and checks that each secret can be read here. */
export const checkConfig: Run = async (session) => {
  const { context } = session;
  const registry = await registryOf(session);
  const { files } = await session.world();
  const checked = await checkConfiguration({ ...(await configurationRequest(session)), registry });
  const { file, texts, settings, problems } = checked;
  if (file === undefined) {
    session.printJson({ object: 'configuration', file: null, isValid: true, problems: 0, certificates: 0, issuers: 0 });
    session.print(
      'There is no configuration file. Settings come from flags, and from those that `certfleet issue` stored.',
    );
    session.note('Next: `certfleet config example > certfleet.yaml` writes one to start from; name it with --config.');
    return 0;
  }
  if (settings) await warnOfLiterals(session, texts, settings);
  for (const one of await misnamedDropIns(files, file))
    warn(session, `${one} is not read: the names of files in ${dropInFolder(file)} end in .yaml`);
  for (const message of settings ? await doubts(settings, registry) : []) warn(session, message);
  const found = settings
    ? await checked.place([
        ...twins(settings),
        ...sameFiles(settings),
        ...listedTwice(settings),
        ...(await caFileProblems(settings, files)),
        ...(await secretProblems(settings, registry, { env: context.env, files, warn: (one) => warn(session, one) })),
      ])
    : problems;
  for (const { file: where = file, line, message } of found) {
    session.printJson({ object: 'problem', file: where, ...present({ line }), message });
    session.print(`${placeText({ file: where, ...present({ line }) })}: ${message}`);
  }
  session.printJson({
    object: 'configuration',
    ...{ file, files: texts.flatMap((one) => one.file ?? []) },
    ...{ isValid: settings !== undefined && found.length === 0, problems: found.length },
    ...{
      certificates: settings?.certificates.length ?? null,
      issuers: settings ? Object.keys(settings.issuers).length : null,
    },
  });
  if (!settings || found.length > 0) {
    session.note(`\n${counted(found.length, 'problem')}.`);
    return 2;
  }
  if (texts.every(({ text }) => text.replaceAll(/^\s*(#.*)?$/gm, '').trim() === '')) {
    session.print(`${file} is empty: it declares no certificate.`);
    session.note('Next: `certfleet config example` prints one to start from.');
    return 0;
  }
  const more = texts.filter((one) => one.file !== file).length;
  const all = more === 0 ? `${file} is` : `${file} with ${counted(more, 'file')} in ${dropInFolder(file)} is`;
  const alarms = Object.keys(settings.alarms).length;
  const parts = [
    counted(settings.certificates.length, 'certificate'),
    counted(Object.keys(settings.issuers).length, 'issuer'),
    ...(alarms > 0 ? [`alarms to ${counted(alarms, 'service')}`] : []),
    ...(settings.listen ? [`\`listen\` at ${settings.listen.address}`] : []),
    ...(settings.pages ? [`pages at ${settings.pages.listen.join(' and ')}`] : []),
  ];
  session.print(`${all} valid: ${parts.join(', ')}.`);
  session.note(
    settings.certificates.length === 0
      ? settings.pages
        ? 'It declares no certificate: declare them on the pages of `certfleet run`, or with `certfleet issue -d NAME`.'
        : 'It declares no certificate: `certfleet run` and `certfleet renew` take care of those that `certfleet issue -d NAME` got.'
      : 'Next: `certfleet issue` gets the missing certificates; `certfleet status` shows all.',
  );
  return 0;
};

function warn(session: Session, message: string): void {
  session.printJson({ object: 'warning', message });
  session.note(`warning: ${message}`);
}

/** Warns that anyone who can read a file can read the secrets in it. */
async function warnOfLiterals(
  session: Session,
  texts: readonly ConfigurationText[],
  settings: Settings,
): Promise<void> {
  const { files } = await session.world();
  const registry = await registryOf(session);
  const { literalsIn } = await import('../../../config/adapters/literal-secrets.ts');
  for (const { file, text } of texts) {
    const stat = file === undefined ? undefined : await files.stat(file);
    if (file === undefined || !stat || (stat.mode & 0o077) === 0) continue;
    const literals = await literalsIn(settings, registry);
    // A secret may be written with escapes, so it is searched for only if there are several files.
    if (literals.length > 0 && (texts.length === 1 || literals.some((secret) => text.includes(secret))))
      warn(
        session,
        `a secret stands in ${file}, which other users can read: chmod 600 ${shellWord(file)}, or put the secret in a file of its own (file:/path)`,
      );
  }
}

/** `certfleet config schema`. */
export const printSchema: Run = async (session) => {
  const [{ configurationJsonSchema }, registry] = await Promise.all([
    import('../../../config/file/json-schema.ts'),
    registryOf(session),
  ]);
  const schema = await configurationJsonSchema(registry);
  session.printJson({ object: 'schema', schema });
  session.printWhole(JSON.stringify(schema, undefined, 2));
  return 0;
};

/** `certfleet config example`. */
export const printExample: Run = async (session) => {
  const text = (await import('./example.ts')).exampleText;
  session.printJson({ object: 'example', text });
  session.printWhole(text.trimEnd());
  return 0;
};
