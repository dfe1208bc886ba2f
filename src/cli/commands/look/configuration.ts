import { whoseOptions } from '../../../config/adapters/each-adapter.ts';
import { checkConfiguration } from '../../../config/file/load.ts';
import { resolveExternalAccount } from '../../../config/options/external-account.ts';
import { resolveOptions } from '../../../config/options/options.ts';
import type { Problem } from '../../../config/problems.ts';
import { type AdapterKind, adapterEntry } from '../../../config/registry/registry.ts';
import { CertfleetError } from '../../../core/errors/errors.ts';
import type { AdapterSettings, Settings } from '../../../core/spec/spec.ts';
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
        ...(await secretProblems(session, settings)),
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

/**
 * Opens every secret as a run would. This can fail here although a service, with its own user and environment,
 * succeeds.
 */
async function secretProblems(session: Session, settings: Settings): Promise<readonly Problem[]> {
  const registry = await registryOf(session);
  const { files } = await session.world();
  const found: Problem[] = [];
  const open = async (kind: AdapterKind, path: readonly string[], options: AdapterSettings) => {
    const entry = adapterEntry(registry, kind, options.type);
    if (!entry) return;
    const told = { name: path.at(-1) ?? kind, warn: (message: string) => warn(session, message) };
    const definition = await entry.load();
    await reportTo(found, path, () =>
      resolveOptions(definition, options, { env: session.context.env, files, ...told }),
    );
  };
  await open('store', ['store'], settings.store);
  for (const [name, { eab }] of Object.entries(settings.issuers)) {
    // An account that is already open needs no key, but a key that is named must be there.
    if (eab?.hmacKey === undefined) continue;
    await reportTo(found, ['issuers', name, 'eab'], () =>
      resolveExternalAccount(eab, name, { env: session.context.env, files }),
    );
  }
  for (const [name, solver] of Object.entries(settings.solvers)) {
    const { kind, settings: options } = whoseOptions('solver', solver, registry);
    await open(kind, ['solvers', name], options);
  }
  for (const [name, balancer] of Object.entries(settings.balancers))
    await open('balancer', ['balancers', name], balancer);
  for (const [name, deployer] of Object.entries(settings.deployers))
    await open('deployer', ['deployers', name], deployer.settings);
  for (const [name, notifier] of Object.entries(settings.alarms))
    await open('notifier', ['alarms', name], notifier.settings);
  return found;
}

async function reportTo(found: Problem[], path: readonly string[], open: () => Promise<unknown>): Promise<void> {
  try {
    await open();
  } catch (error) {
    if (!(error instanceof CertfleetError)) throw error;
    found.push({ path, message: `${error.message}. ${error.hint}`, error });
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

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
