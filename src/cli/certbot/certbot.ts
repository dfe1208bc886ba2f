import { present } from '../../core/text/present.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Invocation, Run, Session } from '../context.ts';
import { refuseMissingHooks } from '../flags/hooks.ts';
import { withPlaces } from '../flags/values.ts';
import type { Typed } from '../program.ts';
import { registryOf } from '../registry.ts';
import { nameInWords, withOwnName, withStoredNames } from './certificate.ts';
import { withCliIni } from './cli-ini.ts';
import { certbotFolder, directoryHooks } from './folder.ts';
import { ownWords } from './own-words.ts';
import { storedFleet } from './stored.ts';
import { translate, withTranslated } from './translate.ts';
import { webServed, webServerIn } from './web-server.ts';

/** Runs `certfleet certbot …`: translates the line into certfleet's own command, prints that, and runs it. */
export const certbotOf =
  (parse: (argv: readonly string[]) => Typed): Run =>
  async (session) => {
    const { words, placed } = await withCliIni(session);
    try {
      return await runWords(words, parse, session);
    } catch (error) {
      throw placed(error);
    }
  };

async function runWords(
  ofFileAndLine: CertbotWords,
  parse: (argv: readonly string[]) => Typed,
  session: Session,
): Promise<number> {
  const read = await withOwnName(ofFileAndLine, session);
  const { given, advice } = await withWebServer(await withStoredNames(read, session), session);
  const words = await ownWords(given, session);
  const registry = await registryOf(session);
  const translated = await translate(words, registry);
  const typed = parse(translated.argv);
  if ('exitCode' in typed) return typed.exitCode;
  const invocation = translated.first === '' ? typed.invocation : withTranslated(typed, translated);
  const { args } = invocation;
  if (!given.trustsHooks) await refuseMissingHooks(invocation.flags, session);
  const agreed = await agreement(given, { words, invocation }, session);
  const flags = { ...invocation.flags, ...present({ agreeTos: agreed || undefined }) };
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
}

/** Asks at the terminal for agreement to the CA's terms, unless a flag agrees. Reports whether the person agreed. */
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

/** Translates `--nginx` and `--apache` into certfleet's own flags, using the web server's configuration. */
async function withWebServer(
  given: CertbotWords,
  session: Session,
): Promise<{ readonly given: CertbotWords; advice?(name: string): string | undefined }> {
  const server = webServerIn(given);
  const { verb, values } = given;
  // With `renew`, `--nginx` only says how all certificates were obtained. Each certificate keeps its own solver.
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
  // certbot reloads the server in addition to running the user's hook.
  const own = given.same.findLast(([flag]) => flag === '--deploy-hook')?.[1];
  const hook = own === undefined ? deployHook : `${deployHook} && ${own}`;
  const same = [...given.same.filter(([flag]) => flag !== '--deploy-hook'), ['--deploy-hook', hook]];
  return { given: { ...given, served, same }, advice };
}
