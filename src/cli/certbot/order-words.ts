import { lineageNameOf, parseIdentifiers } from '../../config/certificates/identifiers.ts';
import { adapterEntry } from '../../config/registry/registry.ts';
import { fail } from '../../core/errors/errors.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import { filesInPlace } from '../../core/spec/in-place.ts';
import { targetNames } from '../../core/spec/spec-parts.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { registryOf } from '../registry.ts';
import { subjectOf } from './certificate.ts';
import { certbotFolder, refuseCertbots } from './folder.ts';
import { storedFleet } from './stored.ts';
import { lineAs, namesMissing, required } from './suggestions.ts';

export async function issueWords(given: CertbotWords, session: Session): Promise<readonly string[]> {
  const { domains, same, others, values } = given;
  if (domains.length === 0) throw namesMissing(given.verb);
  if (given.keepsSettings)
    return ['issue', ...required(values.name, given.verb), ...solverWords(given), ...same.flat(), ...others];
  const subject = await subjectOf(given, session);
  const folder = certbotFolder(values, session);
  if (!subject.isKnown) {
    await refuseCertbots(folder, subject.name, session);
    await refuseWithoutPlugin(given, session);
  }
  return [
    'issue',
    ...['-d', domains.join(',')],
    ...(values.name === undefined && subject.name === lineageNameOf(parseIdentifiers(domains, ''))
      ? []
      : ['--name', subject.name]),
    ...solverWords(given),
    ...same.flat(),
    ...others,
    ...(await targetWords(given, subject, session)),
  ];
}

/**
 * Refuses a line without a plugin, where certbot would ask or fail. A declared solver is enough. Fails with a `usage/`
 * code.
 */
async function refuseWithoutPlugin(given: CertbotWords, session: Session): Promise<void> {
  const { verb, authenticator, webroots, values, others } = given;
  if (authenticator !== undefined || webroots.length > 0 || values.port !== undefined) return;
  if (others.some((word) => /^--(certbot-.*:)?dns-/.test(word))) return;
  if (Object.keys((await session.settings()).solvers).length === 1) return;
  throw fail('usage/certbot-no-plugin', { command: await lineAs(verb, given, session, '--standalone') });
}

/**
 * Returns the target that writes FOLDER/live/NAME/fullchain.pem, as certbot does. An existing certificate keeps its
 * targets.
 */
async function targetWords(
  { values, served }: CertbotWords,
  { name, isKnown }: { readonly name: string; readonly isKnown: boolean },
  session: Session,
): Promise<readonly string[]> {
  const usual = `files:${certbotFolder(values, session)}`;
  const wordsOf = (targets: readonly string[], nginx: readonly string[] = []) => [
    ...targets.flatMap((target) => ['--deploy', target]),
    ...nginx,
  ];
  if (!isKnown) return wordsOf(served?.deploy ?? [usual], served?.nginx);
  if (!served) return [];
  const { targets = [] } = (await (await storedFleet(session))?.stored(name, session.signal))?.spec ?? {};
  const isNamed = values.nginxCtl !== undefined || values.nginxRoot !== undefined;
  const registry = await registryOf(session);
  // An existing target for nginx keeps its own commands unless a flag names an nginx.
  if (targets.some((target) => target.name.startsWith('nginx:'))) return isNamed ? (served.nginx ?? []) : [];
  const isServed = targets.some(
    (target) =>
      adapterEntry(registry, 'deployer', target.settings.type)?.webServer === 'nginx' ||
      filesInPlace(target, name) !== undefined,
  );
  const others = targetNames({ targets }).filter((target) => target !== deployHookTarget && target !== usual);
  return isServed ? [] : wordsOf([...others, ...served.deploy], served.nginx);
}

export function solverWords({ authenticator, webroots, values, domains, served }: CertbotWords): readonly string[] {
  if (served?.http !== undefined) return ['--http', served.http];
  const { challenges, authHook, cleanupHook, port, address } = values;
  const how = authenticator ?? (webroots.length > 0 ? 'webroot' : port === undefined ? undefined : 'standalone');
  const unknown = challenges?.split(',').find((one) => !/^\s*(dns|http)(-01)?\s*$/.test(one));
  if (unknown !== undefined)
    throw fail('usage/unknown-value', {
      ...{ typed: `--preferred-challenges ${unknown.trim()}`, known: 'http or dns', nearest: '' },
    });
  // A wildcard can only be validated over DNS.
  const usual = how === 'manual' && domains.some((name) => name.startsWith('*.')) ? 'dns' : '';
  const isOverDns = /^\s*dns\b/.test(challenges ?? usual);
  if (how === 'manual' && authHook !== undefined)
    return [
      ...[isOverDns ? '--dns' : '--http', 'hook', '--auth-hook', authHook],
      ...(cleanupHook === undefined ? [] : ['--cleanup-hook', cleanupHook]),
    ];
  if (how === 'manual') return ['--manual', '--preferred-challenges', challenges ?? (usual || 'http')];
  if (isOverDns && (how === 'webroot' || how === 'standalone'))
    throw fail('usage/flags-exclude', {
      ...{ one: `--preferred-challenges ${challenges}`, other: `--${how}`, reason: `--${how} answers over HTTP` },
    });
  if (how === 'webroot') {
    if (webroots.length === 0) throw fail('usage/flag-needs', { flag: '--webroot', needed: '-w FOLDER' });
    // Each token is written to every folder, so it does not matter which folder serves a name.
    return ['--http', `webroot:${webroots.join(',')}`];
  }
  if (how === 'standalone') {
    const at = address === undefined || !address.includes(':') ? address : `[${address}]`;
    const listen = port === undefined && at === undefined ? '' : `:${at ?? '0.0.0.0'}:${port ?? '80'}`;
    return ['--http', `standalone${listen}`];
  }
  if (how === undefined || /dns-/.test(how)) return [];
  throw fail('usage/unknown-value', {
    typed: `-a ${how}`,
    known: '--webroot -w FOLDER, --standalone, --manual or --dns-PROVIDER',
    nearest: '',
  });
}
