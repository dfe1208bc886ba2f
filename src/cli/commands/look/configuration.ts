import { secretProblems } from '../../../config/adapters/secret-problems.ts';
import { checkConfiguration } from '../../../config/file/load.ts';
import type { Problem } from '../../../config/problems.ts';
import type { Settings } from '../../../core/spec/spec.ts';
import { present } from '../../../core/text/present.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import type { Run, Session } from '../../context.ts';
import { expandHome } from '../../flags/values.ts';
import { registryOf } from '../../registry.ts';
import { caFileProblems, doubts, listedTwice, sameFiles, twins } from './settings-doubts.ts';

/** `certfleet config check`: prints every problem as `file:line: …`, and checks that each secret can be read here. */
export const checkConfig: Run = async (session) => {
  const { context, invocation } = session;
  const { config } = invocation.flags;
  const registry = await registryOf(session);
  const { files } = await session.world();
  const { file, text, settings, problems } = await checkConfiguration({
    ...present({ file: typeof config === 'string' ? expandHome('--config ', config, context.env) : undefined }),
    files,
    env: context.env,
    registry,
  });
  if (file === undefined || text === undefined) {
    session.printJson({ object: 'configuration', file: null, isValid: true, problems: 0, certificates: 0, issuers: 0 });
    session.print(
      'There is no configuration file. Settings come from flags, and from those that `certfleet issue` stored.',
    );
    session.note('Next: `certfleet config example > certfleet.yaml` writes one to start from; name it with --config.');
    return 0;
  }
  if (settings) await warnOfLiterals(session, file, settings);
  for (const message of settings ? await doubts(settings, registry) : []) warn(session, message);
  const found = settings
    ? await placed(text, [
        ...twins(settings),
        ...sameFiles(settings),
        ...listedTwice(settings),
        ...(await caFileProblems(settings, files)),
        ...(await secretProblems(settings, registry, { env: context.env, files, warn: (one) => warn(session, one) })),
      ])
    : problems;
  for (const { line, message } of found) {
    session.printJson({ object: 'problem', file, ...present({ line }), message });
    session.print(`${file}${line === undefined ? '' : `:${line}`}: ${message}`);
  }
  session.printJson({
    object: 'configuration',
    ...{ file, isValid: settings !== undefined && found.length === 0, problems: found.length },
    ...{
      certificates: settings?.certificates.length ?? null,
      issuers: settings ? Object.keys(settings.issuers).length : null,
    },
  });
  if (!settings || found.length > 0) {
    session.note(`\n${count(found.length, 'problem')}.`);
    return 2;
  }
  if (text.replaceAll(/^\s*(#.*)?$/gm, '').trim() === '') {
    session.print(`${file} is empty: it declares no certificate.`);
    session.note('Next: `certfleet config example` prints one to start from.');
    return 0;
  }
  session.print(
    `${file} is valid: ${count(settings.certificates.length, 'certificate')}, ${count(Object.keys(settings.issuers).length, 'issuer')}.`,
  );
  session.note(
    settings.certificates.length === 0
      ? 'Next: it declares no certificate: add one under `certificates`, or run `certfleet issue -d NAME`.'
      : 'Next: `certfleet issue` gets the missing certificates; `certfleet status` shows all.',
  );
  return 0;
};

function warn(session: Session, message: string): void {
  session.printJson({ object: 'warning', message });
  session.note(`warning: ${message}`);
}

/** Warns that anyone who can read the file can read the secrets in it. */
async function warnOfLiterals(session: Session, file: string, settings: Settings): Promise<void> {
  const { files } = await session.world();
  const stat = await files.stat(file);
  if (!stat || (stat.mode & 0o077) === 0) return;
  const registry = await registryOf(session);
  const { literalsIn } = await import('../../../config/adapters/literal-secrets.ts');
  if ((await literalsIn(settings, registry)).length === 0) return;
  warn(
    session,
    `a secret stands in ${file}, which other users can read: chmod 600 ${shellWord(file)}, or put the secret in a file of its own (file:/path)`,
  );
}

async function placed(text: string, problems: readonly Problem[]): Promise<readonly Problem[]> {
  if (problems.length === 0) return problems;
  const { linesOf } = await import('../../../config/file/problem-lines.ts');
  return linesOf(text, problems).map((line, index) => ({
    ...problems[index]!,
    ...present({ line }),
  }));
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

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
