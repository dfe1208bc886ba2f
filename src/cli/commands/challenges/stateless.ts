import { fail } from '../../../core/errors/errors.ts';
import { identifierKey } from '../../../core/names/identifier.ts';
import { declaredAs } from '../../../core/spec/spec-parts.ts';
import { statelessProxies, statelessSnippet } from '../../../core/spec/stateless.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import { present } from '../../../core/text/present.ts';
import type { Run, Session } from '../../context.ts';
import { specFromFlags, subjectOf } from '../../flags/flags.ts';
import { certificateNames, solversText } from '../../flags/names.ts';
import { textOf } from '../../flags/values.ts';

/** Where the configuration of each proxy belongs. */
const places = {
  nginx: 'nginx: in every server block of port 80, as an include; it is for these names only',
  haproxy: 'HAProxy: in the frontend of port 80, before any redirect',
} as const;

const forNextKey = 'for the new key; once all proxies have this, `certfleet account rollover` gives it to the CA';

/** `certfleet stateless`. */
export const stateless: Run = async (session) => {
  const { flags } = session.invocation;
  const typed = textOf(flags['proxy']);
  const proxies = statelessProxies.filter((proxy) => typed === undefined || proxy === typed);
  if (typed !== undefined && proxies.length === 0)
    throw fail('usage/unknown-value', {
      typed: `--proxy ${typed}`,
      known: statelessProxies.join(' or '),
      nearest: didYouMean(typed, statelessProxies),
    });
  const adHoc = flags['identifier'] === undefined ? undefined : await described(session);
  const fleet = await session.fleet({ makeStore: true });
  const names = adHoc ? [] : await certificateNames(session, session.invocation.args);
  const request = { names, staging: flags['staging'] === true, ...present({ adHoc }) };
  const answers = await fleet.stateless(request, session.signal);
  if (answers.length === 0) {
    const [name] = names;
    const found = name === undefined ? undefined : await fleet.stored(name, session.signal);
    const whose = found
      ? `${name} answers with the solver ${solversText(declaredAs(found.spec))}`
      : 'no certificate has one';
    throw fail('usage/not-applicable', {
      typed: '`certfleet stateless`',
      reason: `it is for a solver of type http01-stateless, but ${whose}`,
      advice: 'Name other names with -d, or declare the solver.',
    });
  }
  for (const proxy of proxies) {
    const text = statelessSnippet(proxy, answers);
    for (const { thumbprint, identifiers, isNext = false } of answers)
      session.printJson({
        object: 'snippet',
        ...{ proxy, thumbprint, isNext, identifiers: identifiers.map(identifierKey) },
        text: statelessSnippet(proxy, [{ thumbprint, identifiers }]),
      });
    const next = answers.some(({ isNext }) => isNext) ? `# ${forNextKey}\n` : '';
    session.printWhole(`# ${places[proxy]}\n${next}${text}${proxy === proxies.at(-1) ? '' : '\n'}`);
  }
  return 0;
};

/** Describes the certificate that `issue` with the same -d and `--http stateless` would get. */
async function described(session: Session) {
  const { args, flags } = session.invocation;
  const [named] = await certificateNames(session, args);
  const asIssue = { ...session, invocation: { args, flags: { ...flags, http: 'stateless' } } };
  return specFromFlags(asIssue, await session.declared(), subjectOf(flags, named));
}
