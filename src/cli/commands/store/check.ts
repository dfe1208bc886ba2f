import { adviceWithoutSettings } from '../../../core/lineage/not-renewed.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { checkStore as check, type Mended } from '../../../whole-store.ts';
import type { Run, Session } from '../../context.ts';
import { failureData, failureText, printingOf } from '../../output/failure.ts';
import { dateText, widthOf } from '../../output/text.ts';

/** `certfleet store check`. Exits with 7 while something is damaged or missing. */
export const checkStore: Run = async (session) => {
  const [settings, world] = await Promise.all([session.settings(), session.world()]);
  const { stdout, env } = session.context;
  const context = { world, env, reporter: session.reporter };
  const mend = session.invocation.flags['mend'] === true;
  const found = await check(settings, context, { mend }, session.signal);
  const { location, documents, certificates, faults, unused, mended, mendable, hasNewId } = found;
  const code = faults.length === 0 ? 0 : 7;
  const printing = { ...printingOf(session), width: widthOf(stdout) };
  for (const { document, certificate, error } of faults) {
    const { kind, name } = document;
    session.printJson({ object: 'fault', document: `${kind}/${name}`, certificate, ...failureData(error) });
    session.printWhole(failureText(error, certificate ?? '', printing));
  }
  for (const one of mended) {
    session.printJson({ object: 'mended', document: `lineage/${one.certificate}`, ...one });
    session.print(await mendedText(session, one));
  }
  if (hasNewId) {
    session.printJson({ object: 'mended', document: 'meta/store' });
    session.print(
      'meta/store: made again with a new id; `certfleet sweep --lost` finds what was uploaded under the old one.',
    );
  }
  const summary = { documents, certificates, faults: faults.length, mended: mended.length };
  const left = unused.map(({ kind, name }) => `${kind}/${name}`);
  session.printJson({ object: 'store-check', store: location, ...summary, unused: left });
  const result = faults.length === 0 ? 'nothing is damaged' : count(faults.length, 'fault');
  session.print(
    `Checked ${location}: ${count(certificates, 'certificate')}, ${count(documents, 'document')}, ${result}.`,
  );
  if (left.length > 0)
    session.note(
      `${count(left.length, 'key or version', 'keys and versions')} of no certificate: ${left.slice(0, 5).join(', ')}${left.length > 5 ? ', …' : ''}. Orders that failed leave such keys; they stay until \`certfleet delete\` removes their certificate.`,
    );
  if (mendable > 0)
    session.note(
      `Next: \`certfleet store check --mend\` makes ${count(mendable, 'document')} again and changes nothing else.`,
    );
  return code;
};

async function mendedText(session: Session, one: Mended): Promise<string> {
  const { certificate, version, notAfter, identifiers, isDeclared } = one;
  if (one.standing)
    return `${withLetters(certificate)}: its revision ${one.standing.revision} is the latest again, written at ${one.standing.at.toISOString()}. What stood after it was a copy of that or an earlier one, and is now ${one.kept}.`;
  const until = dateText(notAfter, await session.now());
  const aside = one.kept === undefined ? '' : ` What was there is now ${one.kept}.`;
  const made = `${withLetters(certificate)}: made again from version ${version}, which is valid until ${until}`;
  if (isDeclared) return `${made}; it is renewed and delivered as it is declared.${aside}`;
  return `${made}. How it is renewed is lost: ${adviceWithoutSettings(certificate, identifiers)}; it is not renewed before.${aside}`;
}

const count = (number: number, what: string, many = `${what}s`): string => `${number} ${number === 1 ? what : many}`;
