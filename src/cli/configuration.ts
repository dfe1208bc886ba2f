import { checkConfiguration } from '../config/load.ts';
import { CertfleetError } from '../core/errors.ts';
import type { AdapterSettings } from '../core/spec.ts';
import type { Run, Session } from './context.ts';

/** `certfleet config check`: every problem as `file:line: …`, and whether each secret can be opened here. */
export const checkConfig: Run = async (session) => {
  const { context, invocation } = session;
  const { config } = invocation.flags;
  const registry = context.registry ?? (await import('../generated/registry.ts')).registry;
  const { files } = await session.world();
  const { file, settings, problems } = await checkConfiguration({
    ...(typeof config === 'string' ? { file: config } : {}),
    files,
    env: context.env,
    registry,
  });
  if (file === undefined) {
    session.print('There is no configuration: everything comes from flags and from what `certfleet issue` has kept.');
    session.note('Next: `certfleet config example > certfleet.yaml` begins one; --config names another place.');
    return 0;
  }
  for (const { line, message } of problems) {
    session.printJson({ object: 'problem', file, ...(line === undefined ? {} : { line }), message });
    session.print(`${file}${line === undefined ? '' : `:${line}`}: ${message}`);
  }
  if (!settings) {
    session.note(`\n${count(problems.length, 'problem')}. Nothing was changed.`);
    return 2;
  }
  const secrets = await secretProblems(session, settings);
  for (const message of secrets) {
    session.printJson({ object: 'problem', file, message });
    session.print(`${file}: ${message}`);
  }
  if (secrets.length > 0) return 2;
  session.print(
    `${file} is right: ${count(settings.certificates.length, 'certificate')}, ${count(Object.keys(settings.issuers).length, 'issuer')}.`,
  );
  session.note('Next: `certfleet issue` gets what is missing; `certfleet status` shows what there is.');
  return 0;
};

/** Opens every secret as a run would. As another user, or without a service's environment, it may say no here only. */
async function secretProblems(
  session: Session,
  settings: Awaited<ReturnType<Session['settings']>>,
): Promise<readonly string[]> {
  const [{ resolveOptions }, { dns01Settings }, { adapterEntry, dns01Type }] = await Promise.all([
    import('../config/options.ts'),
    import('../config/dns01.ts'),
    import('../config/registry.ts'),
  ]);
  const registry = session.context.registry ?? (await import('../generated/registry.ts')).registry;
  const { files } = await session.world();
  const found: string[] = [];
  const open = async (kind: 'dns' | 'solver' | 'deployer' | 'store', name: string, options: AdapterSettings) => {
    const entry = adapterEntry(registry, kind, options.type);
    if (!entry) return;
    try {
      const warn = (message: string) => session.note(`warning: ${message}`);
      await resolveOptions(await entry.load(), options, { env: session.context.env, files, name, warn });
    } catch (error) {
      if (!(error instanceof CertfleetError)) throw error;
      found.push(`${error.message}. ${error.hint}`);
    }
  };
  await open('store', 'store', settings.store);
  for (const [name, solver] of Object.entries(settings.solvers))
    await (solver.type === dns01Type ? open('dns', name, dns01Settings(solver).options) : open('solver', name, solver));
  for (const [name, deployer] of Object.entries(settings.deployers)) await open('deployer', name, deployer);
  return found;
}

/** `certfleet config schema`. */
export const printSchema: Run = async (session) => {
  const [{ configurationJsonSchema }, registry] = await Promise.all([
    import('../config/json-schema.ts'),
    session.context.registry ?? import('../generated/registry.ts').then((module) => module.registry),
  ]);
  session.context.stdout.write(`${JSON.stringify(await configurationJsonSchema(registry), undefined, 2)}\n`);
  return 0;
};

/** `certfleet config example`. */
export const printExample: Run = async (session) => {
  session.context.stdout.write((await import('./example.ts')).exampleText);
  return 0;
};

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
