import { join } from 'node:path';
import { defaultPaths } from '../config/defaults.ts';
import { lineageNameOf, parseIdentifiers, withLetters } from '../config/identifiers.ts';
import { freeName } from '../core/default-name.ts';
import { fail, isFailure } from '../core/errors.ts';
import { baseName, type Identifier, isWildcard } from '../core/identifier.ts';
import { importedName, unnamed } from '../core/identifiers.ts';
import { didYouMean } from '../core/nearest.ts';
import { shellWord } from '../core/shell-word.ts';
import type { Fleet, LineageStatus } from '../fleet.ts';
import { translate, withTranslated } from './certbot-flags.ts';
import { type CertbotWords, certbotVerbs, flagsOfRenew, isKnown, isSwitch, readCertbot } from './certbot-words.ts';
import type { Run, Session } from './context.ts';
import { wholePathOf, withPlaces } from './flag-values.ts';
import { refuseMissingHooks } from './hook-flags.ts';
import type { Typed } from './program.ts';

/** `certfleet certbot …`: says it in certfleet's own words, and does it. */
export const certbotOf =
  (parse: (argv: readonly string[]) => Typed): Run =>
  async (session) => {
    const given = await withCliIni(session);
    const words = await ownWords(given, session);
    const registry = session.context.registry ?? (await import('../generated/registry.ts')).registry;
    const translated = await translate(words, registry);
    const typed = parse(translated.argv);
    if ('exitCode' in typed) return typed.exitCode;
    const { flags, args } = translated.first === '' ? typed.invocation : withTranslated(typed, translated);
    if (!given.trustsHooks) await refuseMissingHooks(flags, session);
    session.noteWhole(`In certfleet’s own words: ${withPlaces(`certfleet ${translated.shown}`, session)}`);
    const run = await typed.command.load(parse);
    const shown = async () => `certfleet ${translated.shown}`;
    return run({ ...session, invocation: { args, flags: { ...session.invocation.flags, ...flags }, shown } });
  };

/** What is typed, after what certbot's own configuration file says. Fails with `usage/invalid`. */
async function withCliIni(session: Session): Promise<CertbotWords> {
  const { args } = session.invocation;
  const typed = readCertbot(args);
  if (typed.verb === 'renew') refuseOfOrder(typed, session);
  const [how, other] = new Set(typed.authenticators);
  if (other !== undefined)
    throw fail('usage/invalid', { what: `certbot: ${how} and ${other} both say how to answer: leave out one` });
  const { env } = session.context;
  const { cliIni, configDir } = typed.values;
  const path =
    cliIni === undefined
      ? join(configDir === undefined ? defaultPaths(env).certbot : wholePathOf('', configDir, env), 'cli.ini')
      : wholePathOf('--config ', cliIni, env);
  const { files } = await session.world();
  const bytes = await files.read(path, { named: true });
  if (!bytes && cliIni !== undefined)
    throw fail('usage/invalid', { what: `--config ${cliIni}: there is no such file` });
  if (!bytes) return typed;
  session.note(`Flags of ${path} count, too.`);
  const text = new TextDecoder().decode(bytes);
  refuseForeign(text, { path, isNamed: cliIni !== undefined });
  return readCertbot([...wordsOfIni(text), ...args]);
}

/** Fails with `usage/invalid` if the file has what certbot does not know, as certfleet's own configuration does. */
function refuseForeign(text: string, { path, isNamed }: { readonly path: string; readonly isNamed: boolean }): void {
  for (const [at, line] of text.split('\n').entries()) {
    const [, key, value = ''] = keyAndValue.exec(line) ?? [];
    if (key === undefined || /^false$/i.test(value) || isKnown(`--${key}`)) continue;
    const hint = '; a --config behind `certbot` is its cli.ini: put certfleet’s own --config before the word `certbot`';
    throw fail('usage/invalid', { what: `${path}:${at + 1}: certbot has no option "${key}"${isNamed ? hint : ''}` });
  }
}

/** A line of certbot's configuration file. */
const keyAndValue = /^\s*([a-z][\w-]*)\s*[=:]\s*(.*?)\s*$/i;

/** certbot's own configuration file may have flags for orders; typed for `renew`, they would be dropped without a word. */
function refuseOfOrder({ ofOrder: [flag], values: { name } }: CertbotWords, session: Session): void {
  if (flag === undefined) return;
  const what = `certbot renew: ${flag} is not an option of it here`;
  if (['-d', '--domain', '--domains'].includes(flag))
    throw fail('usage/invalid', { what: `certbot renew: ${flag}: name the certificate with --cert-name` });
  if (flag === '--no-directory-hooks')
    throw fail('usage/invalid', {
      what: `${what}; \`${withPlaces('certfleet edit NAME', session)}\` changes the hooks of a certificate`,
    });
  throw fail('usage/invalid', {
    what: `${what}, because each certificate keeps its settings: change them with \`${withPlaces('certfleet', session)} certbot reconfigure --cert-name ${name ?? 'NAME'}\``,
  });
}

/** The flags that are not typed but written as `key = value`; a switch has the words of certbot's parser. */
const wordsOfIni = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => {
    const [, key, value = ''] = keyAndValue.exec(line) ?? [];
    if (key === undefined || /^false$/i.test(value)) return [];
    if (/^(yes|on|1|true)$/i.test(value) && isSwitch(`--${key}`)) return [`--${key}`];
    if (/^(no|off|0)$/i.test(value) && isSwitch(`--${key}`)) return [];
    return [`--${key}=${value.replaceAll(/^(["'])(.*)\1$/g, '$2')}`];
  });

/** The command of certfleet that does what a command of certbot does. Fails with `usage/invalid`. */
async function ownWords(typed: CertbotWords, session: Session): Promise<readonly string[]> {
  const given = await withOwnName(typed, session);
  const { verb, values, others, domains } = given;
  const same = given.same.flat();
  const named = values.name;
  const isDry = same.includes('--dry-run');
  if (isDry && !['certonly', 'run', 'renew', 'reconfigure'].includes(verb))
    throw fail('usage/invalid', { what: `certbot ${verb}: --dry-run is for certonly and renew` });
  if (verb === 'renew' || verb === 'certificates') await refuseUntaken(given, session);
  switch (verb) {
    case 'certonly':
    case 'run':
      return issueWords(given, session);
    case 'reconfigure':
      return ['issue', ...required(named, verb), ...solverWords(given), ...same, ...others];
    case 'renew':
      return ['renew', ...(named === undefined ? [] : [named]), ...forRenew(given)];
    case 'certificates':
      return ['status', ...(named === undefined ? domains : [named])];
    case 'delete':
      return ['delete', ...required(named, verb), ...((await isSure(given, session)) ? ['--force'] : [])];
    case 'revoke':
      return ['revoke', ...revoked(given), '--yes'];
    case 'plugins':
      return ['providers'];
    case 'register':
      return [
        'account',
        'open',
        ...ofAccount(given, ['--agree-tos', '--email', '--eab-kid', '--eab-hmac-key', '--eab-hmac-alg']),
      ];
    case 'show_account':
      return ['account', 'show', ...ofAccount(given, [])];
    case 'update_account':
      return ['account', 'update', ...ofAccount(given, ['--email'])];
    case 'unregister':
      return ['account', 'deactivate', ...ofAccount(given, []), ...(given.isUnattended ? ['--yes'] : [])];
    case 'install':
    case 'enhance':
      throw fail('usage/invalid', { what: `certbot ${verb}: ${noInstaller}` });
    default:
      throw fail('usage/invalid', {
        what: `certbot ${verb}: there is no such command here${didYouMean(verb, certbotVerbs) || `; there are ${certbotVerbs.join(', ')}`}`,
      });
  }
}

/** An imported certificate may have another name here, and keeps certbot's for its folder. */
async function withOwnName(given: CertbotWords, session: Session): Promise<CertbotWords> {
  const { name: typed } = given.values;
  if (typed === undefined) return given;
  const fleet = await storedFleet(session);
  const names = ((await fleet?.status([], session.signal)) ?? []).map(({ name }) => name);
  const named = (name: string): CertbotWords => ({ ...given, values: { ...given.values, name } });
  if (!fleet || names.includes(typed)) return given;
  for (const name of names) {
    const { spec } = (await fleet.stored(name, session.signal)) ?? {};
    if (Object.values(spec?.deployers ?? {}).some(({ certbotName }) => certbotName === typed)) return named(name);
  }
  const own = importedName(typed);
  // Other names may have become the same word, with a number.
  const isClear = own !== unnamed && names.includes(own) && !names.includes(`${own}-2`);
  return isClear ? named(own) : given;
}

/** Undefined if there is no store yet. */
const storedFleet = (session: Session): Promise<Fleet | undefined> =>
  session.fleet({ makeStore: false }).catch((error: unknown) => {
    if (!isFailure(error, 'store/absent')) throw error;
    return undefined;
  });

/** What `renew` takes; certbot's --dry-run goes over --force-renewal. */
function forRenew({ same }: CertbotWords): readonly string[] {
  const isDry = same.some(([flag]) => flag === '--dry-run');
  return same.filter(([flag = '']) => flagsOfRenew.includes(flag) && !(isDry && flag === '--force')).flat();
}

/** certbot asks before it deletes, unless it must not. */
async function isSure({ values, isUnattended }: CertbotWords, session: Session): Promise<boolean> {
  if (isUnattended) return true;
  const question = `Delete ${values.name} from the store, with its keys? [y/N] `;
  const answer = session.json ? undefined : await session.context.ask?.(question, session.signal);
  if (answer !== undefined && !/^y(es)?$/i.test(answer)) throw fail('usage/not-confirmed', { what: 'the deletion' });
  return answer !== undefined;
}

/** The CA is an argument there, and not a flag. What cli.ini says of orders is left out. */
function ofAccount({ same }: CertbotWords, flags: readonly string[]): readonly string[] {
  const isTest = same.some(([flag]) => flag === '--staging');
  const issuer = same.findLast(([flag]) => flag === '--issuer')?.slice(1) ?? (isTest ? ['letsencrypt-staging'] : []);
  return [...issuer, ...same.filter(([flag = '']) => ['--account', ...flags].includes(flag)).flat()];
}

const noInstaller =
  'certfleet does not edit the configuration of a web server; use `certonly --webroot -w FOLDER --deploy-hook "systemctl reload nginx"`, and name the files of live/NAME in the server’s configuration once';

/** Which certificate, and why; certbot takes a file, too. */
function revoked({ same, values: { name, certPath, keyPath, reason } }: CertbotWords): readonly string[] {
  const isTest = same.some(([flag]) => flag === '--staging');
  const issuer = same.findLast(([flag]) => flag === '--issuer') ?? (isTest ? ['--issuer', 'letsencrypt-staging'] : []);
  if (name === undefined && certPath === undefined)
    throw fail('usage/invalid', { what: 'certbot revoke: name the certificate with --cert-name or --cert-path' });
  return [
    // A test certificate is one of its own here.
    ...(name === undefined ? ['--cert-path', certPath!, ...issuer] : [isTest ? `${name}~staging` : name]),
    ...(keyPath === undefined ? [] : ['--key-path', keyPath]),
    ...(reason === undefined ? [] : ['--reason', reason]),
  ];
}

function required(name: string | undefined, verb: string): readonly string[] {
  if (name === undefined)
    throw fail('usage/invalid', { what: `certbot ${verb}: name the certificate with --cert-name` });
  return [name];
}

async function issueWords(given: CertbotWords, session: Session): Promise<readonly string[]> {
  const { domains, same, others, values, authenticator, installer } = given;
  const editor = [authenticator, installer].find((one) => one === 'nginx' || one === 'apache');
  if (editor !== undefined) throw fail('usage/invalid', { what: `certbot --${editor}: ${noInstaller}` });
  if (domains.length === 0) throw fail('usage/invalid', { what: `certbot ${given.verb}: give the names with -d` });
  const { env } = session.context;
  const subject = await subjectOf(given, session);
  const folder = values.configDir === undefined ? defaultPaths(env).certbot : wholePathOf('', values.configDir, env);
  if (!subject.isKnown) await refuseCertbots(folder, subject.name, session);
  return [
    'issue',
    ...['-d', domains.join(',')],
    ...(values.name === undefined && subject.name === lineageNameOf(parseIdentifiers(domains, ''))
      ? []
      : ['--name', subject.name]),
    ...solverWords(given),
    ...same.flat(),
    ...others,
    // As certbot: FOLDER/live/NAME/fullchain.pem.
    ...(subject.isKnown ? [] : ['--deploy', `files:${folder}`]),
  ];
}

const importOf = (folder: string, session: Session): string =>
  withPlaces(`certfleet import certbot ${shellWord(folder)} --in-place`, session);

/** Without a store, `renew` and `certificates` would say nothing of what certbot has in its folder. */
async function refuseUntaken({ verb, values }: CertbotWords, session: Session): Promise<void> {
  const { env } = session.context;
  const { certificates, storeIsDeclared } = await session.settings();
  if (storeIsDeclared === true && certificates.length > 0) return;
  if (await storedFleet(session)) return;
  const folder = values.configDir === undefined ? defaultPaths(env).certbot : wholePathOf('', values.configDir, env);
  const { files } = await session.world();
  const names = (await files.list(join(folder, 'renewal')).catch(() => undefined)) ?? [];
  if (!names.some((name) => name.endsWith('.conf'))) return;
  throw fail('usage/invalid', {
    what: `certbot ${verb}: certfleet has no certificates yet, but certbot has some in ${folder}: take them over first, with \`${importOf(folder, session)}\``,
  });
}

/** A certificate that certbot itself has in the folder; it would be ordered a second time. */
async function refuseCertbots(folder: string, name: string, session: Session): Promise<void> {
  const { files } = await session.world();
  if (!(await files.stat(join(folder, 'renewal', `${name}.conf`)).catch(() => undefined))) return;
  throw fail('usage/invalid', {
    what: `certbot has a certificate ${name} in ${folder}: take it over first, with \`${importOf(folder, session)}\``,
  });
}

/**
 * Which certificate it is. certbot finds the one to expand by its names. For any other set of names it gets another
 * certificate, with a number in its name if need be. Fails with `usage/invalid`.
 */
async function subjectOf(
  { domains, values, expand, isUnattended, verb }: CertbotWords,
  session: Session,
): Promise<{ readonly name: string; readonly isKnown: boolean }> {
  const identifiers = parseIdentifiers(domains, 'the certificate');
  const wanted = new Set(identifiers.map(({ value }) => value));
  const fleet = await storedFleet(session);
  const all = ((await fleet?.status([], session.signal)) ?? []).filter(({ state }) => state !== 'test');
  const isPart = (one: (typeof all)[number]) => one.identifiers.every((value) => wanted.has(value));
  if (values.name !== undefined) return { name: values.name, isKnown: all.some(({ name }) => name === values.name) };
  const same = all.find((one) => isPart(one) && one.identifiers.length === wanted.size);
  const own = nameAsCertbot(identifiers, new Set(all.map(({ name }) => name)));
  if (same) return { name: same.name, isKnown: true };
  const part = all.find((one) => isPart(one) && one.identifiers.length > 0);
  if (!part) return { name: freeName(own, all), isKnown: false };
  if (expand || (await agreesToExpand(part, isUnattended, session))) return { name: part.name, isKnown: true };
  throw fail('usage/invalid', {
    what: `certbot ${verb}: ${part.name} has some of these names (${namesOf(part)}): add --expand to give it all of them, or --cert-name for another certificate`,
  });
}

const namesOf = ({ identifiers }: Pick<LineageStatus, 'identifiers'>): string =>
  identifiers.map(withLetters).join(', ');

/** certbot asks, too, unless it must not. */
async function agreesToExpand(part: LineageStatus, isUnattended: boolean, session: Session): Promise<boolean> {
  if (isUnattended || session.json) return false;
  const question = `${part.name} has some of these names (${namesOf(part)}). Give it all of them? [y/N] `;
  return /^y(es)?$/i.test((await session.context.ask?.(question, session.signal)) ?? '');
}

/** A certificate for `*.example.com` is example.com, unless another one has that name. */
function nameAsCertbot(identifiers: readonly Identifier[], taken: ReadonlySet<string>): string {
  const [first, ...others] = identifiers;
  const usual = lineageNameOf(identifiers);
  if (!first || !isWildcard(first)) return usual;
  const bare = lineageNameOf([{ ...first, value: baseName(first) }, ...others]);
  return taken.has(bare) ? usual : bare;
}

function solverWords({ authenticator, webroots, values }: CertbotWords): readonly string[] {
  const { challenges, authHook, cleanupHook, port, address } = values;
  const how = authenticator ?? (webroots.length > 0 ? 'webroot' : port === undefined ? undefined : 'standalone');
  const unknown = challenges?.split(',').find((one) => !/^\s*(dns|http)(-01)?\s*$/.test(one));
  if (unknown !== undefined)
    throw fail('usage/invalid', { what: `--preferred-challenges ${unknown.trim()}: write http or dns` });
  const isOverDns = /^\s*dns\b/.test(challenges ?? '');
  if (how === 'manual' && authHook !== undefined)
    return [
      ...[isOverDns ? '--dns' : '--http', 'hook', '--auth-hook', authHook],
      ...(cleanupHook === undefined ? [] : ['--cleanup-hook', cleanupHook]),
    ];
  if (how === 'manual') return ['--manual', '--preferred-challenges', challenges ?? 'http'];
  if (isOverDns && (how === 'webroot' || how === 'standalone'))
    throw fail('usage/invalid', { what: `--preferred-challenges ${challenges}: --${how} answers over HTTP` });
  if (how === 'webroot') {
    if (webroots.length === 0) throw fail('usage/invalid', { what: '--webroot: name the folder with -w' });
    // Every folder gets every token, so it does not matter which of them serves a name.
    return ['--http', `webroot:${webroots.join(',')}`];
  }
  if (how === 'standalone') {
    const at = address === undefined || !address.includes(':') ? address : `[${address}]`;
    const listen = port === undefined && at === undefined ? '' : `:${at ?? '0.0.0.0'}:${port ?? '80'}`;
    return ['--http', `standalone${listen}`];
  }
  if (how === undefined || /dns-/.test(how)) return [];
  throw fail('usage/invalid', {
    what: `-a ${how}: certfleet has no such plugin; write --webroot -w FOLDER, --standalone, --manual or --dns-PROVIDER`,
  });
}
