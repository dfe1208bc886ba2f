import { join } from 'node:path';
import { adapterEntry, type Registry } from '../../config/registry/registry.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { Session } from '../context.ts';
import { registryOf } from '../registry.ts';
import type { Kept } from './kept.ts';
import { cutAt, flagName, given, keptPath, textOf } from './values.ts';
import { Written } from './written.ts';

type Deployers = Settings['deployers'];

/** The flags that say which nginx the targets `nginx:FOLDER` test and reload, named as certbot's. */
export const nginxFlags = ['nginxCtl', 'nginxServerRoot'] as const;

/** Returns the deployers of --deploy, for commands that take no other settings. */
export async function deployersFromFlags(session: Session, settings: Settings): Promise<Deployers> {
  const written = new Written();
  const choosing = { session, settings, registry: await registryOf(session), kept: undefined };
  const names = Object.keys(writeDeployers(written, choosing));
  const { deployers } = await written.settings(session, { deployers: settings.deployers });
  return Object.fromEntries(names.map((name) => [name, deployers[name]!]));
}

interface Choosing {
  readonly session: Session;
  readonly settings: Settings;
  readonly registry: Registry;
  readonly kept: Kept | undefined;
}

/** Writes the targets of a certificate at `path`. Returns the further deployers that the certificate may name. */
export function writeTargets(written: Written, path: readonly PropertyKey[], choosing: Choosing): Deployers {
  const { session, settings, kept } = choosing;
  const isKept = kept !== undefined && session.invocation.flags['deploy'] === undefined;
  const deployers = isKept ? kept.deployers : writeDeployers(written, choosing);
  if (!isKept) written.set([...path, 'deploy'], Object.keys(deployers));
  writeNginx(written, session, deployers);
  return isKept ? kept.deployers : settings.deployers;
}

/**
 * Writes the deployers that --deploy describes. Returns them, and the declared ones that it names. A stored target of
 * the same folder keeps its options.
 */
function writeDeployers(written: Written, { session, settings, registry, kept }: Choosing): Deployers {
  const deployers: Record<string, Deployers[string]> = {};
  const typed = new Map<string, string>();
  for (const text of given(session.invocation.flags, 'deploy') ?? []) {
    const [flag, [type, folder]] = [`--deploy ${text}`, cutAt(text, ':')];
    const isFolder = adapterEntry(registry, 'deployer', type)?.byFolder && folder !== undefined && folder !== '';
    const declared = Object.hasOwn(settings.deployers, text) ? settings.deployers[text] : undefined;
    if (!declared && !isFolder)
      throw fail('usage/unknown-value', {
        ...{ typed: flag, known: 'files:FOLDER, nginx:FOLDER or the name of a declared deployer' },
        nearest: didYouMean(text, ['files:FOLDER', 'nginx:FOLDER', ...Object.keys(settings.deployers)]),
      });
    const made = declared?.settings ?? { type, path: keptPath(`--deploy ${type}:`, folder!, session) };
    const name = declared ? text : `${type}:${made['path']}`;
    const other = typed.get(name);
    if (other !== undefined)
      throw fail('usage/flags-exclude', { one: other, other: flag, reason: 'they are the same target' });
    typed.set(name, flag);
    const stored = kept !== undefined && Object.hasOwn(kept.deployers, name) ? kept.deployers[name] : undefined;
    const deployer = declared ?? stored ?? { name, settings: made };
    deployers[name] = deployer;
    if (!declared) written.set(['deployers', name], deployer.settings, flag);
  }
  return deployers;
}

/** Writes which nginx the flags name. A declared deployer `nginx` names its own. */
function writeNginx(written: Written, session: Session, deployers: Deployers): void {
  const { flags } = session.invocation;
  const flag = nginxFlags.find((name) => flags[name] !== undefined);
  if (flag === undefined) return;
  const found = Object.entries(deployers).filter(([target]) => target.startsWith('nginx:'));
  if (found.length === 0)
    throw fail('usage/not-applicable', {
      ...{
        typed: flagName(flag),
        reason: 'the certificate is not deployed to nginx',
        advice: 'Add --deploy nginx:FOLDER.',
      },
    });
  const [ctl = 'nginx', root] = [textOf(flags['nginxCtl']), textOf(flags['nginxServerRoot'])];
  const command = [
    ctl.includes('/') ? keptPath('--nginx-ctl ', ctl, session) : ctl,
    ...(root === undefined ? [] : ['-c', join(keptPath('--nginx-server-root ', root, session), 'nginx.conf')]),
  ];
  const commands = { test: [...command, '-t'], reload: [...command, '-s', 'reload'] };
  for (const [target, one] of found) written.set(['deployers', target], { ...one.settings, ...commands });
}
