import { join } from 'node:path';
import { defaultPaths } from '../../config/defaults.ts';
import { lineageNameOf, parseIdentifiers, withLetters } from '../../config/identifiers.ts';
import { directoryOf } from '../../config/issuers.ts';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { freeName } from '../../core/names/default-name.ts';
import { baseName, type Identifier, isWildcard } from '../../core/names/identifier.ts';
import { importedName, unnamed } from '../../core/names/identifiers.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import { filesInPlace } from '../../core/spec/in-place.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { remedyOf } from '../../core/trust/untrusted-code.ts';
import type { Fleet, LineageStatus } from '../../fleet.ts';
import { readCliIni, wordsOfIni } from '../../migrate/certbot/cli-ini.ts';
import { certbotOptions, certbotVerbs } from '../../migrate/certbot/options.ts';
import { mayBeSecret } from '../../migrate/certbot/plugin-flags.ts';
import { type CertbotWords, readCertbot } from '../../migrate/certbot/words.ts';
import { isProgram } from '../../migrate/other-clients.ts';
import type { Invocation, Run, Session } from '../context.ts';
import { refuseMissingHooks } from '../flags/hooks.ts';
import { wholePathOf, withPlaces } from '../flags/values.ts';
import type { Typed } from '../program.ts';
import { translate, withTranslated } from './flags.ts';
import { nameInWords, webServed, webServerIn } from './web-server.ts';

/** `certfleet certbot …`: says it in certfleet's own words, and does it. */
export const certbotOf =
  (parse: (argv: readonly string[]) => Typed): Run =>
  async (session) => {
    const read = await withOwnName(await withCliIni(session), session);
    const { given, advice } = await withWebServer(await withStoredNames(read, session), session);
    const words = await ownWords(given, session);
    const registry = session.context.registry ?? (await import('../../generated/registry.ts')).registry;
    const translated = await translate(words, registry);
    const typed = parse(translated.argv);
    if ('exitCode' in typed) return typed.exitCode;
    const invocation = translated.first === '' ? typed.invocation : withTranslated(typed, translated);
    const { args } = invocation;
    if (!given.trustsHooks) await refuseMissingHooks(invocation.flags, session);
    const agreed = await agreement(given, { words, invocation }, session);
    const flags = { ...invocation.flags, ...(agreed ? { agreeTos: true } : {}) };
    const own = `certfleet ${translated.shown}${agreed ? ' --agree-tos' : ''}`;
    session.noteWhole(`In certfleet’s own words: ${withPlaces(own, session)}`);
    const folders = await directoryHooks(given, session);
    const run = await typed.command.load(parse);
    const shown = async () => own;
    const code = await run({
      ...session,
      invocation: { args, flags: { ...session.invocation.flags, ...flags, ...folders }, shown },
    });
    const text = code === 0 || code === 6 ? advice?.(nameInWords(words, given.domains)) : undefined;
    if (text !== undefined) session.printWhole(text);
    return code;
  };

/** Whether a person agrees at the terminal to the terms of the CA, which no flag says. */
async function agreement(
  { verb, isUnattended, domains }: CertbotWords,
  { words, invocation }: { readonly words: readonly string[]; readonly invocation: Invocation },
  session: Session,
): Promise<boolean> {
  const isOrder = words[0] === 'issue';
  if (isUnattended || session.json || session.quiet || !session.context.ask || invocation.flags['agreeTos'] === true)
    return false;
  if (!isOrder && verb !== 'register') return false;
  const { agreesNow } = await import('./terms.ts');
  const name = isOrder ? nameInWords(words, domains) : undefined;
  return (await agreesNow(invocation, { name, fleet: await storedFleet(session) }, session)) === true;
}

/** `--nginx` and `--apache` in words of certfleet, from the configuration of the server. */
async function withWebServer(
  given: CertbotWords,
  session: Session,
): Promise<{ readonly given: CertbotWords; advice?(name: string): string | undefined }> {
  const server = webServerIn(given);
  const { verb, values } = given;
  // `renew --nginx` says how all certificates were got; each keeps that.
  if (!['certonly', 'run'].includes(verb)) return { given };
  if (server === undefined) {
    if (given.enhancements.length > 0)
      session.note(
        `${given.enhancements.join(', ')} changes nothing: certfleet edits no configuration. With --nginx or --apache, it prints what to add.`,
      );
    return { given };
  }
  const { served, advice } = await webServed(given, server, certbotFolder(values, session), session);
  const { deployHook } = served;
  if (deployHook === undefined) return { given: { ...given, served }, advice };
  // certbot reloads the server, whatever the hook is.
  const own = given.same.findLast(([flag]) => flag === '--deploy-hook')?.[1];
  const hook = own === undefined ? deployHook : `${deployHook} && ${own}`;
  const same = [...given.same.filter(([flag]) => flag !== '--deploy-hook'), ['--deploy-hook', hook]];
  return { given: { ...given, served, same }, advice };
}

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
  session.debug(`flags of ${path} count, too`);
  const whole = readCertbot([...iniWords(new TextDecoder().decode(bytes), path, cliIni !== undefined), ...args]);
  // The file may have flags for orders, which choose no certificate to renew.
  return typed.verb === 'renew' ? { ...whole, domains: typed.domains, ofOrder: typed.ofOrder } : whole;
}

/** Fails with `usage/invalid` if the file has what certbot does not know, as certfleet's own configuration does. */
function iniWords(text: string, path: string, isNamed: boolean): readonly string[] {
  const hint = '; a --config behind `certbot` is its cli.ini: put certfleet’s own --config before the word `certbot`';
  try {
    return wordsOfIni(readCliIni(text), ({ key, line }) =>
      fail('usage/invalid', { what: `${path}:${line}: certbot has no option "${key}"${isNamed ? hint : ''}` }),
    );
  } catch (error) {
    if (isFailure(error)) throw error;
    throw fail('usage/invalid', { what: `${path}: ${reasonOf(error)}` });
  }
}

/** Settings of an order change a certificate, so it must be said which one. */
function refuseOfOrder({ ofOrder: [flag], values: { name }, domains }: CertbotWords, session: Session) {
  if (flag === undefined || name !== undefined || domains.length > 0) return;
  throw fail('usage/invalid', {
    what: `certbot renew: ${flag} is not an option of it here without a certificate, because each keeps its settings: add -d with its names, or change them with \`${withPlaces('certfleet', session)} certbot reconfigure --cert-name NAME\``,
  });
}

/** The command of certfleet that does what a command of certbot does. Fails with `usage/invalid`. */
async function ownWords(given: CertbotWords, session: Session): Promise<readonly string[]> {
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
      return renewWords(given, session);
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
    default:
      throw fail('usage/invalid', { what: `certbot ${verb}: ${whyNoVerb(verb)}` });
  }
}

function whyNoVerb(verb: string): string {
  if (certbotVerbs[verb]?.refused) return noInstaller;
  const known = Object.keys(certbotVerbs).filter((one) => certbotVerbs[one]?.refused !== true);
  return `there is no such command here${didYouMean(verb, known) || `; there are ${known.join(', ')}`}`;
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

/** Without `-d`, the named certificate keeps its names, as with certbot. Fails with `usage/invalid`. */
async function withStoredNames(given: CertbotWords, session: Session): Promise<CertbotWords> {
  const { verb, domains, values } = given;
  const { name } = values;
  if (!['certonly', 'run'].includes(verb) || name === undefined || domains.length > 0) return given;
  const { certificates } = await session.settings();
  const declared = certificates.find((one) => one.name === name);
  if (declared) return { ...given, domains: declared.identifiers.map(({ value }) => value), keepsSettings: true };
  const fleet = await storedFleet(session);
  const all = ((await fleet?.status([], session.signal)) ?? []).filter(({ state }) => state !== 'test');
  const stored = all.find((one) => one.name === name);
  if (!stored) {
    await refuseCertbots(certbotFolder(values, session), name, session);
    const names = all.map((one) => one.name);
    throw fail('usage/invalid', {
      what: `certbot ${verb}: there is no certificate ${name}${didYouMean(name, names)}; to get it, give its names with -d`,
    });
  }
  const { origin } = (await fleet?.stored(name, session.signal)) ?? {};
  return { ...given, domains: stored.identifiers, keepsSettings: origin === 'configuration' };
}

/** Undefined if there is no store yet. */
const storedFleet = (session: Session): Promise<Fleet | undefined> =>
  session.fleet({ makeStore: false }).catch((error: unknown) => {
    if (!isFailure(error, 'store/absent')) throw error;
    return undefined;
  });

/** `renew`, or `issue` for a certificate whose settings flags change: as with certbot, it keeps those. */
async function renewWords(given: CertbotWords, session: Session): Promise<readonly string[]> {
  const { domains, ofOrder } = given;
  const found = await namedByDomains(given, session);
  const name = given.values.name ?? found?.name;
  if (name === undefined) {
    if (domains.length === 0) return ['renew', ...forRenew(given)];
    const identifiers = parseIdentifiers(domains, 'the certificate');
    await refuseCertbots(certbotFolder(given.values, session), nameAsCertbot(identifiers), session);
    throw fail('usage/invalid', {
      what: `certbot renew: there is no certificate with exactly these names (${domains.join(', ')}); get it with \`${await lineAs('certonly', given, session)}\``,
    });
  }
  const changing = ofOrder.filter((flag) => !['-d', '--domain', '--domains'].includes(flag));
  if (changing.length === 0) return ['renew', name, ...forRenew(given)];
  if (!found?.isDeclared) return ['issue', name, ...solverWords(given), ...given.same.flat(), ...given.others];
  session.note(`${name} is declared in the configuration, so ${changing.join(', ')} changes nothing.`);
  return ['renew', name, ...forRenew(given)];
}

/** The same line for a certificate that is new, with `***` for what may be secret. */
async function lineAs(verb: string, given: CertbotWords, session: Session, ...more: string[]): Promise<string> {
  const { args } = session.invocation;
  const typed = Math.max(args.indexOf(given.verb), args.findIndex((word) => !isProgram(word)) - 1);
  const agrees = given.same.some(([flag]) => flag === '--agree-tos') || (await hasAccount(given, session));
  const words = [
    ...(verb === 'run' ? [] : [verb]),
    ...more,
    ...args.filter((word, at) => at > typed || (at < typed && !isProgram(word))),
    ...(agrees ? [] : ['--agree-tos']),
  ];
  const shown = words.map((word, at) => {
    const [flag] = /^--[^=]+(?==)/.exec(word) ?? [];
    if (flag !== undefined) return mayBeSecret(flag) ? `${flag}=***` : word;
    const before = words[at - 1] ?? '';
    return !before.includes('=') && mayBeSecret(before) ? '***' : word;
  });
  const { shownOf } = await import('./shown-words.ts');
  const registry = session.context.registry ?? (await import('../../generated/registry.ts')).registry;
  return withPlaces(`certfleet certbot ${await shownOf(shown, {}, registry)}`, session);
}

/** The certificate with exactly the names of `-d`. Fails with `usage/invalid` if it has others, too. */
async function namedByDomains(
  { domains, values }: CertbotWords,
  session: Session,
): Promise<{ readonly name: string; readonly isDeclared: boolean } | undefined> {
  const { certificates } = await session.settings();
  const valuesOf = (identifiers: readonly Identifier[]): readonly string[] => identifiers.map(({ value }) => value);
  const declared = certificates.map(({ name, identifiers }) => ({ name, values: valuesOf(identifiers) }));
  if (values.name !== undefined && domains.length === 0)
    return { name: values.name, isDeclared: declared.some(({ name }) => name === values.name) };
  if (domains.length === 0) return undefined;
  const wanted = valuesOf(parseIdentifiers(domains, 'the certificate'));
  const fleet = await storedFleet(session);
  const stored = ((await fleet?.status([], session.signal)) ?? []).filter(({ state }) => state !== 'test');
  const all = [...declared, ...stored.map(({ name, identifiers }) => ({ name, values: identifiers }))];
  const having = all.filter(
    (one) =>
      (values.name === undefined || one.name === values.name) && wanted.every((value) => one.values.includes(value)),
  );
  const same = having.find((one) => one.values.length === wanted.length);
  if (same) return { name: same.name, isDeclared: declared.includes(same) };
  const named = values.name ?? having[0]?.name;
  if (named === undefined) return undefined;
  throw fail('usage/invalid', {
    what: `certbot renew: -d: name the certificate with --cert-name ${named}, and leave out -d, because it has other names`,
  });
}

/** Whether an account of the CA is open, so that its terms were agreed to. */
async function hasAccount({ same }: CertbotWords, session: Session): Promise<boolean> {
  const accounts = (await (await storedFleet(session))?.accounts(session.signal)) ?? [];
  const typed = same.findLast(([flag]) => flag === '--issuer')?.[1];
  const directory = typed === undefined ? undefined : (directoryOf(typed)?.directory ?? typed);
  return accounts.some((one) => one.state === 'open' && (directory === undefined || one.directory === directory));
}

/** certbot runs the programs in its `renewal-hooks`, whichever certificate it is; ours keep that for `renew`. */
async function directoryHooks(
  { verb, values, leavesFolders }: CertbotWords,
  session: Session,
): Promise<{ readonly hookFolders?: readonly string[]; readonly leftHookFolders?: readonly string[] }> {
  if (!['certonly', 'run', 'renew'].includes(verb)) return {};
  const { allHookFolders, hookFolders } = await import('../../migrate/certbot/hooks.ts');
  if (leavesFolders) return { leftHookFolders: allHookFolders(certbotFolder(values, session)) };
  const { files } = await session.world();
  const folders = await hookFolders(files, certbotFolder(values, session), (foreign) =>
    fail('usage/invalid', {
      what: `the programs in renewal-hooks would run, but others can change them: ${foreign.reason}; ${remedyOf(foreign)} and look at its content, or add --no-directory-hooks`,
    }),
  );
  const all = Object.values(folders);
  if (all.length === 0) return {};
  session.noteWhole(`The programs in ${all.join(', ')} run, too.`);
  return { hookFolders: all };
}

const certbotFolder = ({ configDir }: CertbotWords['values'], { context: { env } }: Session): string =>
  configDir === undefined ? defaultPaths(env).certbot : wholePathOf('', configDir, env);

/** The flags of `certfleet renew`, which work there as certbot's. */
const flagsOfRenew = certbotOptions().flatMap(({ scope, same }) =>
  scope === 'renew' && same !== undefined ? [same] : [],
);

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
  'certfleet does not edit the configuration of a web server: get the certificate with --nginx or --apache, which print what to add to it';

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
  const { domains, same, others, values } = given;
  if (domains.length === 0) throw fail('usage/invalid', { what: `certbot ${given.verb}: give the names with -d` });
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

/** As certbot, which would ask, or fail; a declared solver is an answer. Fails with `usage/invalid`. */
async function refuseWithoutPlugin(given: CertbotWords, session: Session): Promise<void> {
  const { verb, authenticator, webroots, values, others } = given;
  if (authenticator !== undefined || webroots.length > 0 || values.port !== undefined) return;
  if (others.some((word) => /^--(certbot-.*:)?dns-/.test(word))) return;
  if (Object.keys((await session.settings()).solvers).length === 1) return;
  throw fail('usage/invalid', {
    what: `certbot ${verb}: say how to answer the CA: \`${await lineAs(verb, given, session, '--standalone')}\` where port 80 is free; otherwise with --webroot -w FOLDER, --nginx, --apache, --dns-PROVIDER or --manual in place of --standalone`,
  });
}

/** As certbot: FOLDER/live/NAME/fullchain.pem. A certificate that is there keeps its targets. */
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
  const { spec, deployers = {} } = (await (await storedFleet(session))?.stored(name, session.signal))?.spec ?? {};
  const isNamed = values.nginxCtl !== undefined || values.nginxRoot !== undefined;
  // Unless it is said which nginx it is, the target keeps its own commands.
  if (Object.keys(deployers).some((target) => target.startsWith('nginx:'))) return isNamed ? (served.nginx ?? []) : [];
  const isServed = Object.values(deployers).some(
    (one) => one.type === 'nginx' || filesInPlace(one, name) !== undefined,
  );
  const others = (spec?.deploy ?? []).filter((target) => target !== deployHookTarget && target !== usual);
  return isServed ? [] : wordsOf([...others, ...served.deploy], served.nginx);
}

const importOf = (folder: string, session: Session): string =>
  withPlaces(`certfleet import certbot ${shellWord(folder)} --in-place`, session);

/** Without a certificate, `renew` and `certificates` would say nothing of what certbot has in its folder. */
async function refuseUntaken({ verb, values }: CertbotWords, session: Session): Promise<void> {
  const { certificates, storeIsDeclared } = await session.settings();
  if (storeIsDeclared === true && certificates.length > 0) return;
  const folder = certbotFolder(values, session);
  const { files } = await session.world();
  const names = (await files.list(join(folder, 'renewal')).catch(() => undefined)) ?? [];
  if (!names.some((name) => name.endsWith('.conf'))) return;
  if (((await (await storedFleet(session))?.status([], session.signal)) ?? []).length > 0) return;
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
  const own = nameAsCertbot(identifiers);
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

/** A certificate for `*.example.com` is example.com. */
function nameAsCertbot(identifiers: readonly Identifier[]): string {
  const [first, ...others] = identifiers;
  if (!first || !isWildcard(first)) return lineageNameOf(identifiers);
  return lineageNameOf([{ ...first, value: baseName(first) }, ...others]);
}

function solverWords({ authenticator, webroots, values, domains, served }: CertbotWords): readonly string[] {
  if (served?.http !== undefined) return ['--http', served.http];
  const { challenges, authHook, cleanupHook, port, address } = values;
  const how = authenticator ?? (webroots.length > 0 ? 'webroot' : port === undefined ? undefined : 'standalone');
  const unknown = challenges?.split(',').find((one) => !/^\s*(dns|http)(-01)?\s*$/.test(one));
  if (unknown !== undefined)
    throw fail('usage/invalid', { what: `--preferred-challenges ${unknown.trim()}: write http or dns` });
  // A wildcard is validated over DNS only.
  const usual = how === 'manual' && domains.some((name) => name.startsWith('*.')) ? 'dns' : '';
  const isOverDns = /^\s*dns\b/.test(challenges ?? usual);
  if (how === 'manual' && authHook !== undefined)
    return [
      ...[isOverDns ? '--dns' : '--http', 'hook', '--auth-hook', authHook],
      ...(cleanupHook === undefined ? [] : ['--cleanup-hook', cleanupHook]),
    ];
  if (how === 'manual') return ['--manual', '--preferred-challenges', challenges ?? (usual || 'http')];
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
