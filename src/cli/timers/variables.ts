import { resolve } from 'node:path';
import { adaptersOf } from '../../config/adapters/spec-adapters.ts';
import { variablesOf } from '../../config/options/options.ts';
import type { Environment } from '../../config/options/secret-references.ts';
import { defaultPaths } from '../../config/settings/defaults.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { storedSpecOf } from '../../core/spec/stored-spec.ts';
import { registry } from '../../generated/registry.ts';
import type { Files } from '../../ports/files.ts';
import type { World } from '../../ports/world.ts';
import type { Session } from '../context.ts';
import { filesAt } from './files-at.ts';

/** Variables of this shell that a run may depend on, and that neither cron nor systemd passes on. */
export interface ShellVariables {
  /** Proxies and trusted roots, which a file that everyone can read may contain. */
  readonly open: Readonly<Record<string, string>>;
  /** Variables that such a file must not or cannot contain, with the purpose of each. */
  readonly others: ReadonlyMap<string, string>;
}

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
const roots = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
/** The variables that matter for every certificate. */
const forEveryRun = [...proxies, ...roots, 'NODE_USE_SYSTEM_CA'];

export async function shellVariables({ context, settings }: Session): Promise<ShellVariables> {
  const { env } = context;
  const open: Record<string, string> = {};
  const others = new Map<string, string>();
  for (const name of forEveryRun) {
    const value = env[name]?.trim();
    if (!value) continue;
    if (proxies.includes(name) && value.includes('@')) others.set(name, 'whose value has a password');
    else if (!isPlain(value)) others.set(name, 'whose value has quotes or control characters');
    // The job runs in another folder.
    else open[name] = roots.includes(name) ? resolve(value) : value;
  }
  for (const name of await variablesOfDeclared(await settings(), env))
    if (!(name in open) && !others.has(name)) others.set(name, 'which certfleet.yaml needs');
  return { open, others };
}

/** Reports which variables of this shell the job of cron or systemd does not get. */
export async function tellVariables(
  session: Session,
  { files }: World,
  { others }: ShellVariables,
  isSystemd: boolean,
): Promise<void> {
  const { environment } = defaultPaths(session.context.env);
  const [there] = isSystemd ? await filesAt(files, environment) : [];
  const isThere = (name: string) => there !== undefined && sets(name).test(there.text);
  const { storeKeys = [] } = await session.settings();
  const keys = storeKeys.flatMap((where) => (where.startsWith('env:') ? [where.slice(4)] : []));
  for (const name of keys.filter((one) => !isThere(one)))
    session.note(
      isSystemd
        ? `The timer does not get ${name}, which has the key of the store, from this shell: add the line ${name}=KEY to ${environment}, which only root may read (chmod 600). Or use a key in a file: storeKey: file:/PATH.`
        : `cron does not get ${name}, which has the key of the store, from this shell, and /etc/cron.d is open to all: use a key in a file (storeKey: file:/PATH), else \`certfleet renew\` fails each hour.`,
    );
  for (const [name, why] of others)
    if (!keys.includes(name) && !isThere(name))
      session.note(
        isSystemd
          ? `The timer does not get ${name}, ${why}, from this shell: add the line ${name}=VALUE to ${environment}, which only root may read (chmod 600).`
          : `cron does not get ${name}, ${why}, from this shell, and /etc/cron.d is open to all: ${cronAdvice(name, why)}`,
      );
}

const cronAdvice = (name: string, why: string): string =>
  why.endsWith('certfleet.yaml needs')
    ? 'write the value into certfleet.yaml, a secret as file:/PATH.'
    : `put the line ${name}=VALUE above the job, both in the crontab of root (crontab -e) instead.`;

/** Returns the variables of this shell that neither a crontab, a unit, nor a unit's drop-ins set. */
export async function notSetBy(
  path: string,
  files: Files,
  { open, others }: ShellVariables,
): Promise<readonly string[]> {
  const own = [...(await filesAt(files, path)), ...(await filesAt(files, `${path}.d`))].map(({ text }) => text);
  const named = own.flatMap((text) => [...text.matchAll(/^\s*EnvironmentFile=-?(\S+)/gm)].map(([, file]) => file!));
  const texts = [
    ...own,
    ...(await Promise.all(named.map((file) => filesAt(files, file)))).flat().map(({ text }) => text),
  ];
  return [...Object.keys(open), ...others.keys()].filter((name) => !texts.some((text) => sets(name).test(text)));
}

const sets = (name: string): RegExp => new RegExp(`(?:^|[\\s"'=])${name}=`, 'm');

/** Reports whether a crontab and a unit can contain the value without quoting. */
const isPlain = (value: string): boolean => !/["'\\\u0000-\u001f\u007f]/.test(value);

/** Returns the variables of this shell that hold options of declared certificates, for which nothing is stored. */
async function variablesOfDeclared(settings: Settings, env: Environment): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  // The renewal reports problems with a module outside certfleet.
  for (const spec of settings.certificates)
    for (const [definition, options] of await adaptersOf(registry, storedSpecOf(settings, spec)).catch(() => []))
      for (const name of variablesOf(definition, env, options)) if (env[name]) names.add(name);
  return names;
}
