import type { CertificateSpec, Settings } from '../../core/spec/spec.ts';
import { solverNameOf } from '../../core/spec/spec-parts.ts';
import type { Fields } from '../../core/text/json.ts';
import { addProblem, keys, type Places, type Problem } from '../problems.ts';
import { checkStateless } from './certificates.ts';
import { type Surroundings, settingsIn } from './settings.ts';

/** Certificates that are declared outside the file, checked. */
export interface CheckedDeclarations {
  readonly certificates: readonly CertificateSpec[];
  /** What is wrong with the others, by their names. Paths begin in the certificate. */
  readonly refused: ReadonlyMap<string, readonly Problem[]>;
}

/** The paths and messages of one certificate, which is not in a list for those who declared it. */
const places: Places = { at: (path) => keys.at(path.slice(2)), within: (path) => keys.within(path.slice(2)) };

/**
 * Checks certificates as entries of `certificates` in the file, with whose issuers, solvers and deployers they are made.
 * A wrong one does not keep the others from being used.
 *
 * @param entries what each says, except its name
 */
export async function checkDeclarations(
  entries: ReadonlyMap<string, Fields>,
  settings: Settings,
  surroundings: Pick<Surroundings, 'env' | 'registry' | 'now'>,
): Promise<CheckedDeclarations> {
  const refused = new Map<string, Problem[]>();
  const refuse = (name: string, problem: Problem) => addProblem(refused, name, problem);
  for (const [name, entry] of entries) for (const problem of localProblems(entry, settings)) refuse(name, problem);
  const overlooks = ({ path }: Problem) => path[0] !== 'certificates';
  const all: Surroundings = { ...surroundings, places, declared: settings, overlooks };
  let certificates: readonly CertificateSpec[] = [];
  // The schema says what is wrong with some of them before the names that they refer to are looked up.
  for (let isDone = false; !isDone; ) {
    const names = [...entries.keys()].filter((name) => !refused.has(name));
    const found = await settingsIn({ certificates: names.map((name) => ({ ...entries.get(name), name })) }, all);
    for (const problem of found.problems) {
      const name = names[Number(problem.path[1])];
      // Without a name, no progress would be made.
      for (const one of name === undefined ? names : [name]) refuse(one, { ...problem, path: problem.path.slice(2) });
    }
    certificates = found.settings?.certificates ?? [];
    isDone = found.problems.length === 0;
  }
  for (const [name, found] of [...refused])
    for (const problem of await hiddenProblems({ ...entries.get(name), name }, found, all)) refuse(name, problem);
  const problems: Problem[] = [];
  const { issuers, solvers } = settings;
  checkStateless({ certificates: [...settings.certificates, ...certificates], issuers, solvers }, { problems });
  for (const problem of problems) {
    const solver = String(problem.path[1]);
    const isUser = (one: CertificateSpec) => one.identifiers.some((id) => solverNameOf(one, id) === solver);
    for (const { name } of certificates.filter(isUser)) refuse(name, { ...problem, path: ['solver'] });
  }
  return { certificates: certificates.filter(({ name }) => !refused.has(name)), refused };
}

/** Without these, the names would be checked as those of another certificate. */
const deciding = ['identifiers', 'issuer', 'solver'] as const;

/** Returns what is wrong besides, which nothing has looked at, because the schema looks no further than its own problems. */
async function hiddenProblems(
  entry: Fields,
  found: readonly Problem[],
  surroundings: Surroundings,
): Promise<readonly Problem[]> {
  const wrong = new Set(found.map(({ path }) => path[0]));
  if (deciding.some((key) => wrong.has(key))) return [];
  const rest = Object.fromEntries(Object.entries(entry).filter(([key]) => !wrong.has(key)));
  const { problems } = await settingsIn({ certificates: [{ name: 'new', ...rest }] }, surroundings);
  const all = problems.map((problem) => ({ ...problem, path: problem.path.slice(2) }));
  return all.filter(({ path }) => path.length > 0 && !wrong.has(path[0]));
}

/** Returns what only the file may say, because it lets programs run, or names folders. */
function localProblems({ hooks, deploy }: Fields, { deployers }: Settings): readonly Problem[] {
  const ofHooks =
    hooks === undefined
      ? []
      : [{ path: ['hooks'], message: 'hooks run programs, so only the configuration file may have them' }];
  const folders = (Array.isArray(deploy) ? deploy : []).flatMap((name: unknown, index): readonly Problem[] => {
    if (typeof name !== 'string' || !name.startsWith('files:') || Object.hasOwn(deployers, name)) return [];
    const message = 'only the configuration file may name a folder; choose one of its deployers';
    return [{ path: ['deploy', index], message }];
  });
  return [...ofHooks, ...folders];
}
